# Completion of authprobe for bash: eval "$(authprobe completion bash)"

_authprobe() {
    local IFS=$' \t\n' kind word words kept= option= paths= line=${COMP_LINE:0:COMP_POINT}
    # bash replaces only $2: what is behind a quote, or behind the last of COMP_WORDBREAKS, such as
    # @ or =. `${line##*[[:space:]]}` is the same, but takes 20 s for a word of 20,000 letters.
    if [[ $line != *[[:space:]] ]]; then
        read -rd '' -a words <<< "$line" || :
        kept=${words[@]: -1}
    fi
    [[ $kept == *"$2" ]] && kept=${kept:0:${#kept}-${#2}} || kept=
    kept=${kept//[\"\'\\]/}
    COMPREPLY=()
    while IFS=$'\t' read -r kind word _; do
        case $kind in
            plain) COMPREPLY+=("${word#"$kept"}") ;;
            file | scenario) paths=$kind ;;
        esac
    done < <(command authprobe completion bash "$line" 2> /dev/null)
    [[ $paths ]] || return 0
    compopt -o filenames 2> /dev/null # which quotes them
    [[ $2 == --*=* ]] && option=${2%%=*}= # where = is not of COMP_WORDBREAKS
    set -- "${2#"$option"}"
    while IFS= read -r word; do
        [[ $option && -d $word ]] && word+=/ && compopt -o nospace 2> /dev/null
        [[ $option || $word != -* ]] || word=./$word # which is no option
        COMPREPLY+=("$option$word")
    done < <(
        case $paths in
            file) compgen -f -- "$1" ;;
            scenario)
                # With `set -e`, one that finds nothing would end the others.
                compgen -d -- "$1" || :
                compgen -f -X '!*.yaml' -- "$1" || :
                compgen -f -X '!*.yml' -- "$1"
                ;;
        esac
    )
}

# Versions are newest first; bash before 4.4 knows no nosort.
complete -o nosort -F _authprobe authprobe 2> /dev/null || complete -F _authprobe authprobe
