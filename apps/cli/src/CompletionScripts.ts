/**
 * Scripts with which a shell asks `holdfast __complete` at a Tab: the words before the cursor, the one that is being written last. An answer is a
 * line. Without one the shell completes files. Pure, and loads nothing.
 */
export const shells = ["bash", "zsh", "fish"] as const

/**
 * Bash takes words apart at `=`, `:` and `@`, and replaces what stands behind the last of these: they are put together again, and what stands
 * before is cut off each answer. For bash 3.2, which macOS has, too.
 */
const bash = `_holdfast() {
  local line=\${COMP_LINE:0:COMP_POINT} piece each breaks= prefix= index=0
  local -a words=()
  for piece in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if [[ $line == [[:space:]]* || \${#words[@]} == 0 ]]; then
      line=\${line#"\${line%%[![:space:]]*}"}
      index=\${#words[@]}
      words[index]=
    fi
    # The word under the cursor counts up to the cursor.
    [[ $line == "$piece"* ]] || piece=$line
    words[index]+=$piece
    line=\${line#"$piece"}
  done
  for each in @ = :; do
    if [[ $COMP_WORDBREAKS == *$each* ]]; then breaks+=$each; fi
  done
  if [[ -n $breaks ]]; then prefix=\${words[index]%"\${words[index]##*[$breaks]}"}; fi
  COMPREPLY=()
  while IFS= read -r each; do
    printf -v each %q "\${each#"$prefix"}"
    COMPREPLY+=("$each")
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _holdfast holdfast
`

const zsh = `#compdef holdfast
_holdfast() {
  local -a answers open closed
  answers=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  open=("\${(@M)answers:#*=}")
  closed=("\${(@)answers:#*=}")
  closed=("\${(@)closed:#}")
  if (( \${#open} + \${#closed} == 0 )); then
    compset -P '*='
    compset -P '@'
    _files
    return
  fi
  compadd -S '' -a open
  compadd -a closed
}
if [[ "\${funcstack[1]}" == _holdfast ]]; then _holdfast "$@"; else compdef _holdfast holdfast; fi
`

const fish = `function __holdfast_complete
  set -l words (commandline -opc)
  set -l answers ($words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)
  if test (count $answers) -gt 0
    printf '%s\\n' $answers
  else
    # A file may be the value of an argument.
    set -l parts (string match -r '^([^=]*=@?|)(.*)$' -- (commandline -ct))
    printf '%s\\n' $parts[2](__fish_complete_path $parts[3])
  end
end
complete -c holdfast -f -a '(__holdfast_complete)'
`

export const scripts: Readonly<Record<typeof shells[number], string>> = { bash, fish, zsh }
