# Completion of authprobe for fish: authprobe completion fish > ~/.config/fish/completions/authprobe.fish

function __authprobe_complete
    set -l typed (commandline -ct)
    set -l option (string match -r -- '^--[^=]+=' $typed)
    set -l path (string replace -- "$option" '' $typed)
    for line in (command authprobe completion fish (commandline -cp | string collect) </dev/null 2>/dev/null)
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case plain
                printf '%s\t%s\n' $fields[2] $fields[3]
            case file scenario
                # Of a command without completion, fish completes paths, as they are typed.
                for file in (complete -C"__authprobe_no_command $path")
                    test -n "$typed"; or set file (string replace -r '^-' './-' -- $file) # no option
                    test $fields[1] = file; or string match -q -r '(/|\.ya?ml)(\t|$)' -- $file
                    and printf '%s\n' "$option$file"
                end
        end
    end
end

complete --command authprobe --no-files --keep-order --arguments '(__authprobe_complete)'
