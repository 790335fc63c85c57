#compdef authprobe
# Completion of authprobe for zsh: eval "$(authprobe completion zsh)", after compinit

_authprobe() {
    local kind word text paths line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX"
    local -a found shown explained ignored
    while IFS=$'\t' read -r kind word text; do
        case $kind in
            plain)
                found+=("$word")
                shown+=("$word${text:+  -- $text}")
                [[ -n $text ]] && explained=(-l)
                ;;
            file | scenario) paths=$kind ;;
        esac
    done < <(command authprobe completion zsh "$line" < /dev/null 2> /dev/null)
    # -V: versions are newest first. Descriptions are one in each line.
    (( $#found )) && compadd -V authprobe $explained -d shown -a found
    # A file whose name begins with a dash would be taken for an option.
    [[ -n $paths ]] && { compset -P 1 '-*=' || [[ -n $PREFIX ]] || ignored=(-F '(-*)') }
    case $paths in
        file) _files $ignored ;;
        scenario) _files $ignored -g '*.(yaml|yml)' ;;
    esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _authprobe "$@" # from a file in $fpath
else
    compdef _authprobe authprobe
fi
