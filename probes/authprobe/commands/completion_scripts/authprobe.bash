# Completion of authprobe for bash: eval "$(authprobe completion bash)"

_authprobe() {
    local kind word line=${COMP_LINE:0:COMP_POINT} paths=
    # bash replaces only what is behind the last of COMP_WORDBREAKS, such as @ or =.
    local kept=${line##*[[:space:]]}
    kept=${kept%"$2"}
    COMPREPLY=()
    while IFS=$'\t' read -r kind word _; do
        case $kind in
            plain) COMPREPLY+=("${word#"$kept"}") ;;
            file | scenario) paths=$kind ;;
        esac
    done < <(command authprobe completion bash "$line" 2> /dev/null)
    [[ $paths ]] || return 0
    compopt -o filenames 2> /dev/null # which quotes them
    while IFS= read -r word; do
        [[ $word != -* ]] || word=./$word # which is no option
        COMPREPLY+=("$word")
    done < <(
        case $paths in
            file) compgen -f -- "$2" ;;
            scenario)
                # With `set -e`, one that finds nothing would end the others.
                compgen -d -- "$2" || :
                compgen -f -X '!*.yaml' -- "$2" || :
                compgen -f -X '!*.yml' -- "$2"
                ;;
        esac
    )
}

# Versions are newest first; bash before 4.4 knows no nosort.
complete -o nosort -F _authprobe authprobe 2> /dev/null || complete -F _authprobe authprobe
