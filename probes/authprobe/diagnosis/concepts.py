"""Concepts: what a reporter says about the circumstances, whatever the words and the language.

Few texts say "the same key works with curl" in the same words. One feature for all of them lets the
model learn from each what the next one means.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import re2

CONCEPTS: Final[Mapping[str, str]] = {
    # What works, and where
    "works-in-terminal": (
        r"(terminal|shell|command line|\bcli\b|claude itself|"
        r"claude code itself)[^.\n]{0,60}\b(works?|fine|answers?|logged in|ok)\b|"
        r"works?[^.\n]{0,40}(terminal|\bcli\b)|(终端|命令行)[^。\n]{0,20}(正常|可以|能用|"
        r"没问题)|ターミナル[^。\n]{0,20}(動|正常)|терминал[^.\n]{0,30}работает|"
        r"im terminal[^.\n]{0,30}(geht|funktioniert)|(en|no|dans) (la|el|le|"
        r"o)? ?terminal[^.\n]{0,30}(funciona|marche|fonctionne)"
    ),
    "works-with-curl": (
        r"curl[^.\n]{0,80}(works?|fine|200|answers?|succeeds?)|curl[^。\n]{0,30}(正常|成功|"
        r"可以)"
    ),
    "works-elsewhere": (
        r"works? (fine |well )?(on|in|with|from|for) (the |my |an?)?(other|another|same|old|"
        r"second|desktop|web|website|browser|windows|mac|colleague)|same (key|token|login|"
        r"account|settings)[^.\n]{0,40}(works?|fine|answers?)|另一台|其他(电脑|机器|"
        r"设备)[^。\n]{0,12}(正常|可以)|別の(マシン|PC)"
    ),
    "works-direct": (
        r"(directly|straight|without the (proxy|gateway|router|relay))[^.\n]{0,60}(works?|"
        r"fine|ok|200)|works?[^.\n]{0,40}(directly|without the (proxy|gateway))|"
        r"直连[^。\n]{0,12}(正常|可以|没)|官方[^。\n]{0,12}正常"
    ),
    "works-again": (
        r"(works?|fine) again|until (i|we|the) (restart|reboot|log|copy|run|open)|"
        r"after (a )?restart|重启(后|之后)|恢复正常|再起動すると|comes? back|for (a|one|"
        r"some) (while|day)|一会儿"
    ),
    "worked-before": (
        r"(worked|fine|ok) (until|till|yesterday|before|last (week|month|night))|used to work|"
        r"stopped working|no longer works?|suddenly|since (yesterday|monday|today|"
        r"this morning|last)|昨天还|之前(可以|正常|都)|突然|以前は|вчера|раньше|seit (gestern|"
        r"heute)|depuis (hier|ce matin)|desde (ayer|ontem|hoje|hoy)|어제"
    ),
    "after-upgrade": (
        r"after (an? |the )?(upgrad|updat)|upgrad(ed|ing) (to|from)|since (the )?(version|"
        r"v?\d+\.\d+|updat|upgrad)|downgrad|new(est|er)? version|previous version|in version|"
        r"升级|更新(后|到|之后)|降级|回退|アップデート|обновл|mise à jour|actualiz|atualiz|"
        r"업데이트|aktualisier|nach dem update"
    ),
    "others-too": (
        r"(colleague|other (people|users|reports)|everyone|all of us|whole team|many users|"
        r"other machines)|status\.(claude|anthropic)|outage|incident|down\b|大家|同事|"
        r"都(是)?(这样|不行)|全员"
    ),
    # Time
    "after-hours": (
        r"after (a few|some|about|around|several|roughly|\d+|one|two|eight|an?) ?(hours?|h\b|"
        r"minutes?|days?|while|time|weeks?)|every (morning|day|night|few hours|\d+ ?(h|hours|"
        r"minutes)|time)|overnight|next (day|morning)|\d+ ?(hours|h) later|8 hours|小时后|"
        r"几个小时|第二天|每天|每隔|过一(段|会)|数時間|毎朝|翌日|через .{0,12}(час|дн|минут)|"
        r"nach (einigen|ein paar|\d+) (stunden|tagen)|(après|despues de|después de|"
        r"depois de) .{0,12}(heures|horas)|시간 (후|뒤)"
    ),
    "sometimes": (
        r"sometimes|intermittent|random|now and then|at times|occasional|flaky|有时|偶尔|"
        r"时不时|時々|たまに|иногда|manchmal|parfois|a veces|às vezes|가끔"
    ),
    "at-startup": (
        r"(at|on|first|every) (start|startup|launch)|first (run|time|start)|fresh install|"
        r"new (machine|laptop|install)|刚安装|第一次|首次|初回|初めて"
    ),
    # Copies, accounts, places
    "several-copies": (
        r"(second|another|other|both|two|several|multiple|three|all) (machine|computer|laptop|"
        r"container|host|server|terminal|instance|session|pod|process|worker|workspace|window|"
        r"replica|runner|clone|tool|program)s?|in parallel|concurrent|at the same time|"
        r"side by side|多(台|个)(机器|电脑|终端|窗口|容器|实例|会话)|同时|並列|同時に|"
        r"одновременно|gleichzeitig|en même temps|al mismo tiempo"
    ),
    "copied-login": (
        r"cop(y|ied|ies) (of )?(the |my |its |over )?(\.?credentials|login|token|~?/?\.claude|"
        r"file|auth)|credentials(\.json)?[^.\n]{0,40}(copied|copy|mount|secret|volume|sync|"
        r"shared|baked)|(mount|bind|sync|share)[a-z]*[^.\n]{0,40}(\.claude|credentials|login)|"
        r"\.credentials\.json|复制|拷贝|挂载|コピー"
    ),
    "several-accounts": (
        r"(work|private|personal|second|two|multiple|several|other|both|different|wrong|\d+|"
        r"five|six|managed) (claude |anthropic |max |pro )?accounts?|switch(es|ed|"
        r"ing)?[^.\n]{0,20} accounts?|account switch|profiles?\b|切换账号|多(个)?账号|"
        r"两个账号|アカウント(を)?(切|二)|другой аккаунт|zwei konten|deux comptes|dos cuentas|"
        r"duas contas"
    ),
    "config-folder": (
        r"claude_config_dir|config (dir|folder|directory|path)|~/\.claude[-_a-z]+|xdg_config|"
        r"other folder|wrong (folder|directory|home)|\$home|userprofile|appdata|home (dir|"
        r"folder|directory)|配置目录|設定(フォルダ|ディレクトリ)|папк[аиеу]"
    ),
    "other-user": (
        r"\bsudo\b|as root|root user|other (os |unix |operating system )?user|service account|"
        r"systemd|launchd|\bcron|daemon|uid|su -|run(s|ning)? as|用户身份|以 ?root"
    ),
    "key-in-environment": (
        r"(anthropic_api_key|anthropic_auth_token|claude_code_oauth_token)[^.\n]{0,60}(set|"
        r"export|env|shell|profile|zshrc|bashrc|left|still|old|in the)|(export|unset|"
        r"setx?) (anthropic|claude)|\.env\b|zshrc|bashrc|environment variable|env var|"
        r"环境变量|環境変数|переменн\w+ окружения|umgebungsvariable|variable d.environnement|"
        r"variável|variable de entorno"
    ),
    "charged-api": (
        r"(charged|billed|billing|invoice|costs?|spend)[^.\n]{0,60}(api|console|account|"
        r"credits?)|api usage billing|api (billing|usage)|instead of (my |the )?(subscription|"
        r"plan|max|pro)|(uses?|using|draws?)[^.\n]{0,20}(api credits?|api key) |扣(费|款)|"
        r"计费|账单|走的是 ?api|課金|списыва|facturé|cobr(a|ado|ando)|abgerechnet"
    ),
    "subscription": (
        r"\b(pro|max|team|enterprise) (plan|subscription|account|user)|subscri|订阅|会员|"
        r"サブスク|подписк|abo\b|abonnement|suscripci|assinatura|구독"
    ),
    # Parts of a login
    "browser-step": (
        r"browser|callback|redirect|localhost:\d+|paste (the |this )?code|"
        r"authori[sz]ation code|浏览器|回调|授权(页|码)|ブラウザ|認証コード|браузер|navegador|"
        r"navigateur|브라우저"
    ),
    "code-paste": (
        r"paste (the |this |your )?code|authentication code|invalid code|code (was|"
        r"is) (invalid|expired)|粘贴|授权码|コードを貼|вставл|code eing"
    ),
    "page-unreachable": (
        r"(site|page|localhost|callback)[^.\n]{0,30}(can.?t|cannot|could not) be reached|"
        r"err_connection_refused|refused to connect|无法访问此网站|接続が拒否|страниц[аы] не|"
        r"nicht erreichbar|unreachable"
    ),
    "remote": (
        r"\bssh\b|remote|headless|\bvps\b|wsl|codespace|devcontainer|no (display|browser|gui)|"
        r"port.?forward|远程|服务器上|無頭|リモート|удал[её]нн|fernzugriff|serveur distant|"
        r"servidor"
    ),
    "isolated": (
        r"sandbox|container|docker|podman|seatbelt|bubblewrap|landlock|microvm|\bvm\b|egress|"
        r"allowlist|network policy|network policies|容器|沙箱|コンテナ|контейнер"
    ),
    "keychain": (
        r"keychain|keyring|libsecret|kwallet|secret service|credential manager|security (find|"
        r"unlock|add)|errsec|钥匙串|キーチェーン|связк|schlüsselbund|trousseau|llavero"
    ),
    "refresh": (
        r"refresh|renew|expiresat|expires_at|刷新(令牌|token)?|续期|更新トークン|"
        r"обновлени[ея] токен|erneuer|renouvel|renovar"
    ),
    "expired": (
        r"expir|ran out|no longer valid|过期|过了期|失效|期限切れ|истек|истёк|abgelaufen|"
        r"caduc|vencid|만료|süresi"
    ),
    "lock": (
        r"\.lock\b|lock ?file|another (claude code )?process|is refreshing|locked by|"
        r"stale lock|flock|ebusy|deadlock|锁"
    ),
    "login-again": (
        r"log(ged|ging|s)? ?(me )?(in|on|out) (again|anew|each|every)|re-?auth|re-?log|/login|"
        r"sign (me )?in again|重新(登录|登陆|授权)|再ログイン|войти (снова|заново)|"
        r"erneut an(melden|gemeldet)|reconnect|iniciar sesi|다시 로그인"
    ),
    "asks-login": (
        r"(asks?|prompts?|wants?|keeps? asking|told|forced)[^.\n]{0,30}(log|sign|auth)|"
        r"select login method|how would you like to|not logged in|未登录|没有登录|"
        r"要求(我)?登录|ログイン(を|画面)|просит войти|anmelden|connecter|login page"
    ),
    "says-logged-in": (
        r"(says|shows?|reports?|status)[^.\n]{0,40}(logged in|signed in|loggedin\W+true|"
        r"connected|authenticated|active)|loggedin\W+true|已登录|显示(已)?(登录|连接)|"
        r"ログイン済み|login successful|logged in as"
    ),
    "first-run": (
        r"onboarding|hascompletedonboarding|select login method|choose (the|a) (text style|"
        r"theme|login)|welcome to claude|first.run|trust (this )?folder|bypasspermissions|"
        r"dangerously-skip"
    ),
    "token-by-hand": (
        r"setup-token|long-lived|(put|set|paste|pass|stored?|save|"
        r"enter)[a-z]*[^.\n]{0,40}(token|key)|令牌|填(入|写|进)|トークンを|вставил|"
        r"eingetragen|collé|pegué|colei"
    ),
    "oauth-in-key": (
        r"sk-ant-oat|oauth token[^.\n]{0,40}(api.?key|x-api-key)|"
        r"setup-token[^.\n]{0,80}(api_key|x-api-key|api key)|oat01"
    ),
    "key-form": (
        r"newline|trailing|whitespace|white space|quotes?\b|\\n|\\r|illegal header|"
        r"invalid header|header value|latin-1|ascii|non-printable|truncat|line ?break|"
        r"placeholder|换行|空格|引号|不可见"
    ),
    "key-missing": (
        r"no (api )?key|key (is )?not (set|found|configured)|not set\b|missing (api )?key|"
        r"api key (is )?(required|missing)|could not resolve authentication|no credentials|"
        r"credentials? (not|were not) found|please (set|provide|configure)|未(设置|配置)|"
        r"没有(设置|配置)|缺少|設定されていません|не (указан|задан|найден)|fehlt|manquant|"
        r"falta|없습니다"
    ),
    "key-invalid": (
        r"invalid (x-)?api.?key|incorrect api key|(key|token) (is|was|has been|"
        r"seems?) (invalid|wrong|revoked|deleted|disabled|not valid)|密钥无效|"
        r"无效的? ?(api)?.?(key|密钥|令牌)|キーが無効|неверн\w+ ключ|ungültig|invalide|inválid"
    ),
    "helper": (r"apikeyhelper|api key helper|helper (script|command|program)|headershelper"),
    "deleted-key": (
        r"(deleted|revoked|rotated|disabled|archived|new) (the |my |an? |old )?(api )?key|"
        r"key (was|has been) (deleted|revoked|rotated|leaked)|轮换|作废|删除了"
    ),
    "blank-login": (
        r'(access|refresh)token\W{1,6}"?"|empty (token|string|credentials|file)|blank|emptied|'
        r"zero bytes|0 bytes|清空|为空|空の"
    ),
    # Whose refusal
    "own-key": (
        r"virtual key|master key|gateway.?s? (own )?key|distributed key|分发的|令牌管理|"
        r"sk-[a-z0-9]{3,}\b|user key|team key|budget|令牌(无效|不可用|已)|该令牌|无效的令牌|"
        r"key (not found|not allowed) in db|in (litellm|the db)"
    ),
    "upstream": (
        r"upstream|channel|provider (returned|error)|渠道|上游|账号池|account pool|"
        r"no (available|healthy) (claude )?accounts?|all accounts|可用账号|账户"
    ),
    "base-url": (
        r"base.?url|anthropic_base_url|endpoint url|api.?base|host(name)? (is|setting)|"
        r"接口地址|代理地址|エンドポイント"
    ),
    "path-doubled": (
        r"/v1/v1|//v1|/v1/messages/v1|/anthropic/v1/v1|/v1/chat/completions|invalid url \(|"
        r"cannot (post|get) /|no route|route .{0,30}not found|not found: "
    ),
    "header-named": (
        r"x-api-key|authorization: ?bearer|bearer (token|header|auth)|authorization header|"
        r"请求头|ヘッダ|заголов"
    ),
    "header-lost": (
        r"(strip|drop|remov|los[et]|forward|pass(es)? (on|through)|overwrit|"
        r"replac)[a-z]*[^.\n]{0,40}header|header[^.\n]{0,40}(strip|drop|remov|los|missing|"
        r"not (forwarded|passed|sent)|overwrit|replac)"
    ),
    "beta": (
        r"anthropic-beta|beta (flag|header|feature)|extra inputs|unexpected (value|beta)|"
        r"output_config|context_management|cache_control\.|adaptive|eager_input|invalid beta|"
        r"betas?="
    ),
    "oauth-beta": (
        r"oauth-2025|oauth authentication is currently not supported|oauth is not supported"
    ),
    "long-context": (
        r"\b1m\b|\[1m\]|long.context|extra usage is required|usage credits are required|"
        r"1,?000,?000"
    ),
    "third-party": (
        r"third.party|only authori[sz]ed for use with|not (be )?used for other|other clients?|"
        r"unofficial|第三方|サードパーティ|сторонн"
    ),
    "usage-policy": (
        r"usage policy|acceptable use|violat|policy|policies|content filter|blocked by|"
        r"使用政策|违反"
    ),
    "banned": (
        r"\bban(ned)?\b|disabled|suspend|on hold|terminated|deactivat|封(号|禁|了)|停用|禁用|"
        r"заблок|gesperrt|banni|suspendid|정지|appeal"
    ),
    "organisation": (
        r"organi[sz]ation|\badmin|workspace|\bsso\b|enterprise|\bteam\b|managed settings|组织|"
        r"企业|管理员|組織|организац"
    ),
    "region": (
        r"\bregion\b|countr(y|ies)|not available in|unsupported (location|territory)|地区|"
        r"地域|国家|hong kong|\bchina\b|russia|ирану|стран|regi[oó]n|pays\b|nicht verfügbar|"
        r"vpn"
    ),
    "verification": (
        r"verif(y|ication)[^.\n]{0,30}(phone|identity|age|email|account|number)|phone number|"
        r"验证(手机|身份|码)|sms|identity"
    ),
    "credit": (
        r"credit balance|purchase credits|balance (is )?too low|insufficient (balance|credit|"
        r"quota|funds)|plans & billing|out of credits|余额|充值|残高|баланс|guthaben|solde|"
        r"saldo"
    ),
    "limit": (
        r"rate.?limit|usage limit|quota|too many requests|limit reached|limit (will )?reset|"
        r"resets? at|限流|额度|限制|レート制限|лимит|kontingent|límite|limite"
    ),
    "overload": (
        r"overloaded|over capacity|high (demand|load)|负载|访问量过大|過負荷|перегруж|"
        r"überlastet|surcharg|sobrecarg"
    ),
    # The network
    "no-answer": (
        r"\bhang|stuck|nothing happens|never (returns|answers|finishes|responds|comes)|freez|"
        r"no (response|reply|output|answer)|spinner|endless|forever|"
        r"waits?\b[^.\n]{0,20}(forever|for)|卡(住|死|在)|没(有)?(反应|响应|回复|输出)|无响应|"
        r"一直(转|等|在)|無反応|応答(が)?な|固まる|завис|не отвечает|hängt|bloqu|se queda|"
        r"trava|멈"
    ),
    "timeout": (
        r"time(d|s)? ?out|timeout|deadline exceeded|etimedout|超时|タイムアウト|таймаут|"
        r"zeitüberschreitung|délai|tiempo de espera|시간 초과"
    ),
    "html-answer": (
        r"<!doctype|<html|unexpected token '?<|just a moment|cf-ray|cf-mitigated|challenge|"
        r"captive|login page of|html (page|instead)|网页"
    ),
    "certificate": (
        r"certificate|self.signed|\bssl\b|\btls\b|node_extra_ca|证书|証明書|сертификат|"
        r"zertifikat|certificat"
    ),
    "name-lookup": (
        r"enotfound|getaddrinfo|eai_again|resolve host|name resolution|\bdns\b|no such host|"
        r"域名解析|名前解決"
    ),
    "connection": (
        r"econnrefused|econnreset|connection (refused|reset|error|closed|aborted)|"
        r"socket hang up|unable to connect|failed to connect|cannot connect|network error|"
        r"fetch failed|连接(失败|被|错误|不上)|接続(エラー|でき)|соединени|verbindung|"
        r"connexion|conexi|conexão|연결"
    ),
    "proxy": (r"https?_proxy|proxy|corporate|firewall|zscaler|netskope|代理|プロキシ|прокси"),
    "clock": (
        r"clock|time (skew|drift|zone|sync)|\bntp\b|not yet valid|issued in the future|"
        r"wrong (time|date)|系统时间|时钟|時刻|часы|uhrzeit|horloge|reloj"
    ),
    "server-error": (
        r"internal server error|\b50[0234]\b|api_error|service unavailable|bad gateway|"
        r"服务器错误|サーバーエラー"
    ),
    # Other matters
    "generic-exit": (
        r"process exited with code|exited with (code|status)|exit code [1-9]|"
        r"process completed with exit code|退出码|終了コード"
    ),
    "generic-message": (
        r"an error occurred|something went wrong|unknown error|encountered an error|"
        r"internal error|unexpected error|request failed|出错了|出现错误|エラーが発生|"
        r"произошла ошибка|ein fehler|une erreur|ocurrió un error|erro inesperado|오류가"
    ),
    "false-success": (
        r"(green|success|passed|exit(s|ed)? (code )?0|completed)[^.\n]{0,80}(no |nothing|"
        r"empty|without|but|although|yet)|is_error\W+false|reports? success|"
        r"成功[^。\n]{0,20}(没有|但|却)|subtype\W+success"
    ),
    "empty-answer": (
        r"empty (answer|response|reply|result|output|message|stderr)|no content|"
        r"returns? nothing|blank (answer|reply|screen)|空(的)?(回复|响应|结果)|没有(内容|回复)"
    ),
    "model-name": (
        r"model[^.\n]{0,30}(not found|does not exist|not exist|invalid|retired|unsupported|"
        r"not supported|no longer|deprecated|identifier|may not)|invalid model|unknown model|"
        r"no such model|模型[^。\n]{0,12}(不存在|不支持|找不到)|not_found_error"
    ),
    "tool-call": (
        r"tool_use|tool_result|tool.?call|function.?call|input_schema|tool (input|use|result|"
        r"schema|error)|toolsearch|工具调用|ツール呼び出し"
    ),
    "parse-error": (
        r"json|parse|syntax ?error|zod|typeerror|undefined|nullpointer|traceback|"
        r"cannot read propert|is not a function|panic|segfault|core dump|解析"
    ),
    "too-long": (
        r"prompt is too long|context (length|window|limit)|maximum context|too many (tokens|"
        r"images)|max_tokens|token (limit|count)|exceeds? (the )?(maximum|limit)|too large|"
        r"compact|上下文|太长|長すぎ"
    ),
    "install": (
        r"npm (err|install|i )|eacces|command not found|enoent|not recogni[sz]ed|brew|winget|"
        r"install(er|ation|ing|ed)?\b|安装|找不到(命令)?|インストール|установ|installier|"
        r"installé|instalar"
    ),
    "crash": (
        r"crash|out of memory|heap|sigkill|sigsegv|killed|3221225477|崩溃|闪退|落ちる|"
        r"クラッシュ|пада(ет|л)|abgestürzt|planté"
    ),
    "interface": (
        r"button|window|display|screen|theme|scroll|font|render|cursor|keyboard|shortcut|"
        r"paste|clipboard|\bui\b|界面|显示|按钮|表示|画面|кнопк|anzeige|bouton|botón|botão"
    ),
    "wish": (
        r"feature request|would be (nice|great|good|useful)|please (add|support|make|allow|"
        r"consider)|i (wish|would like)|suggestion|support for|any plans|希望|建议|能否|"
        r"能不能|可否|してほしい|要望|можно ли|wünsche|serait bien|sería|seria (bom|legal)"
    ),
    "question": (
        r"\?\s*$|how (do|can|to|should)|what (is|does|should)|why (does|is|do)|怎么|如何|"
        r"为什么|请问|ですか|どう|как |почему|warum|comment |pourquoi|cómo|por qué|como "
    ),
    "usage-tool": (
        r"menu ?bar|usage (monitor|widget|bar|meter|app|tracker|data|panel|tab|limits?)|"
        r"status ?(line|bar)|\btray\b|taskbar|widget|ccusage|用量|菜单栏|状态栏|メニューバー|"
        r"строк[аеи] состояния"
    ),
    "permission-file": (
        r"permission denied|eacces|eperm|read.only|chmod|chown|access is denied|权限(不足|"
        r"被拒)|アクセスが拒否"
    ),
    "git": (
        r"\bgit\b (push|pull|clone|fetch|commit|worktree|merge|rebase)|merge conflict|"
        r"worktree|submodule|pull request|分支|提交"
    ),
    "hook": (
        r"\bhooks?\b|slash command|plugin|skill|subagent|sub-agent|agent team|todo|plan mode|"
        r"插件|钩子|子代理"
    ),
    "slow": (
        r"\bslow|latency|takes (too )?long|performance|cpu|memory|lag|很慢|太慢|遅い|медленн|"
        r"langsam|lent\b|lento"
    ),
}
"""Patterns by concept, for lower-case text."""
# RE2 compiles these patterns in a third of the time, and needs linear time for any text.
_PATTERNS: Final = {name: re2.compile(f"(?m){pattern}") for name, pattern in CONCEPTS.items()}


def concepts(text: str) -> Iterator[tuple[str, int]]:
    """Yield the concepts that a lower-case text mentions, with the offset of each."""
    for name, pattern in _PATTERNS.items():
        if match := pattern.search(text):
            yield name, match.start()
