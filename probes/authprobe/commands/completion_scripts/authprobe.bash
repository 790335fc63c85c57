# Completion of authprobe for bash: eval "$(authprobe completion bash)"

_authprobe() {
    local IFS=$' \t\n' kind word words kept= before= option= paths= path rest
    local line=${COMP_LINE:0:COMP_POINT}
    # bash replaces only $2: what is behind a quote, or behind the last of COMP_WORDBREAKS, such as
    # @ or =. `${line##*[[:space:]]}` is the same, but takes 20 s for a word of 20,000 letters.
    if [[ $line != *[[:space:]] ]]; then
        read -rd '' -a words <<< "$line" || :
        kept=${words[@]: -1}
    fi
    [[ $kept == *"$2" ]] && kept=${kept:0:${#kept}-${#2}} || kept=
    [[ $kept == *[\"\'\\]* ]] || before=$kept
    kept=${kept//[\"\'\\]/}
    COMPREPLY=()
    while IFS=$'\t' read -r kind word _; do
        case $kind in
            plain) COMPREPLY+=("${word#"$kept"}") ;;
            file | scenario) paths=$kind ;;
        esac
    done < <(command authprobe completion bash "$line" < /dev/null 2> /dev/null)
    [[ $paths ]] || return 0
    compopt -o filenames 2> /dev/null # which quotes them
    # A file is looked for by all of its name, also if that has an @, : or =.
    path=$before$2
    [[ $path == --*=* ]] && option=${path%%=*}=
    path=${path#"$option"}
    while IFS= read -r word; do
        rest=$option$word
        rest=${rest#"$before"}
        # A directory is marked here if readline cannot see that the word is one.
        [[ -d $word && ! -d $rest ]] && rest+=/ && compopt -o nospace 2> /dev/null
        [[ $option$before || $word != -* ]] || rest=./$rest # which is no option
        COMPREPLY+=("$rest")
    done < <(
        case $paths in
            file) compgen -f -- "$path" ;;
            scenario)
                # With `set -e`, one that finds nothing would end the others.
                compgen -d -- "$path" || :
                compgen -f -X '!*.yaml' -- "$path" || :
                compgen -f -X '!*.yml' -- "$path"
                ;;
        esac
    )
}

# Versions are newest first; bash before 4.4 knows no nosort.
complete -o nosort -F _authprobe authprobe 2> /dev/null || complete -F _authprobe authprobe
