"""The styles of the static report."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--fg:#1f2328;--mute:#57606a;--line:#d0d7de;--bg:#fff;--soft:#f6f8fa;
--link:#0550ae;--passed:#116329;--failed:#a40e26;--error:#7d4e00;--skipped:#57606a;
--failed-bg:#ffebe9;--error-bg:#fff8c5}
@media (prefers-color-scheme:dark){:root{--fg:#e6edf3;--mute:#9da7b3;--line:#3d444d;--bg:#0d1117;
--soft:#161b22;--link:#79b8ff;--passed:#56d364;--failed:#ff8f87;--error:#e3b341;--skipped:#9da7b3;
--failed-bg:#3c1618;--error-bg:#332701}}body{background:var(--bg);color:var(--mute)}
h1,h2,p,#results-table{color:var(--fg)}#environment-header,#environment{display:none}
#results-table,#results-table th,#results-table td{border-color:var(--line)}
.logwrapper,.logwrapper .logexpander{background:var(--soft)}
.logwrapper .log{color:var(--fg);border-color:var(--line)}
span.passed,.passed .col-result{color:var(--passed)}
span.failed,.failed .col-result{color:var(--failed)}
span.error,.error .col-result{color:var(--error)}
span.skipped,.skipped .col-result{color:var(--skipped)}
#results-table .ap th,#results-table .ap td{border-width:1px 0 0}
body>p a,.filters button,.collapse button{color:var(--link)}
.ap{color:var(--fg);font-size:14px;line-height:1.45;text-align:left}.ap *{box-sizing:border-box}
.ap h3{font-size:16px;margin:28px 0 8px}.ap h4{font-size:14px;margin:16px 0 4px}
.ap p{margin:6px 0;max-width:90ch}.ap a{color:var(--link);overflow-wrap:anywhere}
.ap :focus-visible{outline:2px solid var(--link);outline-offset:2px}
.ap code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em;
overflow-wrap:anywhere}.ap small,.ap .ap-mute{color:var(--mute);font-size:12px}
.ap .ap-verdict{font-size:18px;margin:8px 0 2px}
.ap-banner{border-left:4px solid var(--error);background:var(--error-bg);padding:8px 12px}
.ap-passed{color:var(--passed)}.ap-failed{color:var(--failed)}.ap-error{color:var(--error)}
.ap-skipped{color:var(--skipped)}.ap-mark{font-weight:bold}
.ap-scroll{overflow-x:auto;width:fit-content;max-width:100%;margin:8px 0;border-radius:6px;
border:1px solid var(--line)}.ap-scroll table{border-collapse:separate;border-spacing:0}
.ap caption{text-align:left;padding:8px 12px;color:var(--mute)}
.ap th,.ap td{padding:6px 12px;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
.ap thead th{background:var(--soft);white-space:nowrap;vertical-align:bottom}
.ap thead small,.ap td small{display:block;font-weight:normal}
.ap-parts{display:flex;flex-wrap:wrap;gap:8px 24px;align-items:flex-start}
.ap .ap-matrix td small{display:inline;margin-left:8px}
.ap-matrix td{white-space:nowrap;border-left:1px solid var(--line)}
.ap-matrix thead th+th{border-left:1px solid var(--line)}
.ap-matrix tr>:first-child{position:sticky;left:0;z-index:1;background:var(--bg);min-width:14em;
max-width:22em;overflow-wrap:anywhere;font-weight:normal;box-shadow:1px 0 var(--line)}
.ap-matrix thead tr>:first-child,.ap-matrix .ap-group>th{background:var(--soft);font-weight:bold}
.ap-matrix .ap-group>th{position:static;max-width:none}.ap-matrix th small{font-weight:normal}
.ap-group span{position:sticky;left:12px;display:inline-block;max-width:min(100%,86vw)}
.ap-matrix td a{color:inherit}.ap-matrix td.ap-failed{background:var(--failed-bg)}
.ap-matrix td.ap-error{background:var(--error-bg)}
.ap .ap-problems{list-style:none;margin:8px 0;padding:0}
.ap-problems>li{border-left:4px solid;padding:2px 12px;margin:0 0 12px}
.ap-problems>li>*{color:var(--fg)}.ap-problems li>:first-child{margin:0}
.ap-case{border:1px solid var(--line);border-radius:6px;margin:6px 0}
.ap-case>summary{padding:8px 12px;cursor:pointer}
.ap-case>div{padding:0 12px 12px;scroll-margin-top:56px}
.ap-case[open]>summary{border-bottom:1px solid var(--line);background:var(--soft)}
.ap-case:has(:target){border-color:var(--link);box-shadow:0 0 0 1px var(--link)}
.ap-pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:0 32px}
.ap-facts{display:grid;grid-template-columns:minmax(6em,max-content) 1fr;gap:2px 12px;margin:4px 0}
.ap-facts dt{color:var(--mute)}.ap-facts dd{margin:0}
.ap-said,.ap-facts dd,.ap td>div{white-space:pre-wrap;overflow-wrap:anywhere}
.ap td>div{width:max-content;max-width:26em;font-size:13px}.ap ul{margin:4px 0 0;padding-left:18px}
.log .ap{white-space:normal;font-family:Helvetica,Arial,sans-serif}
@media (max-width:800px){body{min-width:0}.ap-matrix tr>:first-child{min-width:8em;max-width:38vw}
.ap th,.ap td{padding:5px 8px}.controls,.filters{flex-wrap:wrap;height:auto}
#results-table{display:block;overflow-x:auto}}
"""
