# Completion of authprobe for fish: authprobe completion fish > ~/.config/fish/completions/authprobe.fish

function __authprobe_complete
    set -l typed (commandline -ct)
    set -l option (string match -r -- '^--[^=]+=' $typed)
    set -l path (string replace -- "$option" '' $typed)
    for line in (command authprobe completion fish (commandline -cp | string collect) 2>/dev/null)
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case plain
                printf '%s\t%s\n' $fields[2] $fields[3]
            case file
                printf '%s\n' "$option"(__fish_complete_path $path)
            case scenario
                printf '%s\n' "$option"(__fish_complete_directories $path '')
                for file in (__fish_complete_path $path)
                    string match -q -r '\.ya?ml(\t|$)' -- $file; and printf '%s\n' "$option$file"
                end
        end
    end
end

complete --command authprobe --no-files --keep-order --arguments '(__authprobe_complete)'
