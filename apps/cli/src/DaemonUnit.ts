/**
 * The daemon as a service of systemd or launchd, as text.
 *
 * A supervisor starts it with hardly any environment, so that the unit names Node.js and the program by their full paths, and hands on
 * what says where the daemon is and how much it may hold. What servers need they get from the programs that ask for them.
 */

export interface UnitOptions {
  /** Absolute. */
  readonly node: string
  /** The file of this program, absolute. Empty: `node` is the program itself, a standalone executable. */
  readonly main: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Variables by which daemon and clients find each other, or which limit it. `XDG_RUNTIME_DIR` is the supervisor's own. */
const handedOn = (environment: UnitOptions["environment"]): ReadonlyArray<readonly [string, string]> =>
  Object.entries(environment).flatMap(([name, value = ""]) =>
    value !== "" && (name === "XDG_STATE_HOME" || name === "PATH" || name.startsWith("HOLDFAST_DAEMON_"))
      ? [[name, value] as const]
      : []
  ).toSorted(([a], [b]) => a < b ? -1 : 1)

/** A unit of the user's systemd. */
export const systemd = ({ environment, main, node }: UnitOptions): string =>
  `# The daemon of holdfast, kept by systemd for this user:
#   mkdir -p ~/.config/systemd/user
#   holdfast daemon unit --systemd > ~/.config/systemd/user/holdfast.service
#   holdfast daemon stop
#   systemctl --user daemon-reload
#   systemctl --user enable --now holdfast
# It runs without a login, too, after: loginctl enable-linger
[Unit]
Description=Holdfast keeps MCP servers for all programs of this user

[Service]
ExecStart=${commandOf(node, main).map(word).join(" ")}
${handedOn(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}\n`).join("")}Restart=always
RestartSec=1
# First the daemon alone, which ends its servers in order; what is left after that is killed.
KillMode=mixed
TimeoutStopSec=30

[Install]
WantedBy=default.target
`

/** A word of `ExecStart`: systemd would replace variables and specifiers. */
const word = (text: string): string => quoted(text).replaceAll("$", "$$$$")

const quoted = (text: string): string => {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replaceAll("\n", "\\n").replaceAll("%", "%%")
  return /^[\w@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`
}

/** The label of the agent, and the name of its file. */
export const label = "dev.holdfast.daemon"

/** An agent of launchd. */
export const launchd = ({ environment, main, node }: UnitOptions): string => {
  const strings = (words: ReadonlyArray<string>): string =>
    words.map((each) => `\n    <string>${xml(each)}</string>`).join("")
  const variables = handedOn(environment).map(([name, value]) =>
    `\n    <key>${xml(name)}</key>\n    <string>${xml(value)}</string>`
  ).join("")
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!--
  The daemon of holdfast, kept by launchd for this user:
    holdfast daemon unit (with the flag for launchd) > ~/Library/LaunchAgents/${label}.plist
    holdfast daemon stop
    launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/${label}.plist
-->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${label}</string>
  <key>ProgramArguments</key>
  <array>${strings(commandOf(node, main))}
  </array>
  <key>EnvironmentVariables</key>
  <dict>${variables}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ExitTimeOut</key>
  <integer>30</integer>
</dict>
</plist>
`
}

const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** What the supervisor runs. */
const commandOf = (node: string, main: string): ReadonlyArray<string> => [
  node,
  ...(main === "" ? [] : [main]),
  "daemon",
  "run"
]
