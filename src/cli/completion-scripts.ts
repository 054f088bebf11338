/**
 * What each shell is told. `cube __complete` answers with a candidate a line, a tab and what it is;
 * a line `:files` leaves the word to the shell, as the name of a file.
 */
const BASH = `# Completes command lines of cube: source <(cube completion bash)
_cube_complete() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = ":files" ]; then
      compopt -o default
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _cube_complete cube
`;

const ZSH = `#compdef cube
# Completes command lines of cube: source <(cube completion zsh)
_cube() {
  local line
  local -a found
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == ":files" ]]; then
      _files
    elif [[ -n "$line" ]]; then
      found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  _describe 'cube' found
}
if [[ "\${funcstack[1]}" == "_cube" ]]; then _cube "$@"; else compdef _cube cube; fi
`;

const FISH = `# Completes command lines of cube: cube completion fish > ~/.config/fish/completions/cube.fish
function __cube_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c cube -f -a '(__cube_complete)'
`;

export const completionScripts = { bash: BASH, zsh: ZSH, fish: FISH } as const;

export type CompletionShell = keyof typeof completionScripts;
