/** The programs as they are named on the command line. Loads none of them. */
export const hostNames = [
  "claude-code",
  "claude-desktop",
  "cursor",
  "vscode",
  "zed",
  "codex",
  "gemini",
  "windsurf",
  "cline",
  "roo",
  "opencode",
  "goose"
] as const
