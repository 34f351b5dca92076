/**
 * Environment variables that change with a shell, a window or a session, and say nothing about what a server is. They are not handed to the
 * servers of the daemon, and so keep no two programs apart.
 *
 * What points to something that a server may need stays, even where it changes by session: `SSH_AUTH_SOCK`, `DISPLAY`, `XDG_RUNTIME_DIR`.
 */

/** By their whole names. */
export const names: ReadonlyArray<string> = [
  "_",
  "PWD",
  "OLDPWD",
  "SHLVL",
  "TERM",
  "COLORTERM",
  "COLUMNS",
  "LINES",
  "WINDOWID",
  "WINDOW",
  "STY",
  "SSH_TTY",
  "SSH_CLIENT",
  "SSH_CONNECTION",
  "XDG_SESSION_ID",
  "INIT_CWD",
  "INVOCATION_ID",
  "JOURNAL_STREAM",
  "SYSTEMD_EXEC_PID",
  "NODE_CHANNEL_FD",
  "NODE_COMPILE_CACHE"
]

/** By how their names begin. */
export const prefixes: ReadonlyArray<string> = [
  "TERM_",
  "TMUX",
  "ITERM_",
  "KITTY_",
  "WEZTERM_",
  "ALACRITTY_",
  "KONSOLE_",
  "GNOME_TERMINAL_",
  "VSCODE_",
  "CLAUDE_CODE_",
  "npm_lifecycle_",
  "npm_package_",
  "npm_command",
  "HOLDFAST_"
]

/** The environment without them. */
export const without = (environment: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).filter(([name]) =>
      !names.includes(name) && !prefixes.some((prefix) => name.startsWith(prefix))
    )
  )
