/**
 * What a `.cmd` file stands for, if it is one of those that package managers write: a program and a script.
 *
 * Node refuses to start `.cmd` files without a shell (CVE-2024-27980), and what cmd.exe makes of arguments cannot be escaped in
 * general. But nearly all of these files do one thing: they start `node` with a script that lies beside them. So they are read
 * instead of run.
 *
 * Promise: a file counts as a shim only if every one of its lines is known: nothing that it would have done is left out, but the
 * choice of a globally updated npm over the one that came with Node.
 */

export interface Shim {
  /** A path relative to the file's folder, or a name to be found in PATH. `node`, mostly; undefined: `target` is the program. */
  readonly program: string | undefined
  /** Between the program and the script. */
  readonly flags: ReadonlyArray<string>
  /** A path relative to the file's folder. */
  readonly target: string
  /** Variables it sets before; pnpm's shims set NODE_PATH. */
  readonly env: Readonly<Record<string, string>>
}

/** Undefined: this file does something else, or more. */
export const read = (text: string): Shim | undefined => {
  const lines = text.split(/\r?\n/).map((line) => line.trim().replace(/^@/, "")).filter((line) => line !== "")
  return readNodeInstaller(lines) ?? readPackageManager(lines)
}

// `npm.cmd` and `npx.cmd` as they come with Node.
const readNodeInstaller = (lines: ReadonlyArray<string>): Shim | undefined => {
  const last = /^"%NODE_EXE%" "%(NP[MX])_CLI_JS%" %\*$/.exec(lines.at(-1) ?? "")
  if (last === null) return undefined
  let target: string | undefined = undefined
  for (const line of lines.slice(0, -1)) {
    const set = new RegExp(String.raw`^SET "${last[1]}_CLI_JS=%~dp0\\([^"%]+)"$`, "i").exec(line)
    if (set !== null) target = set[1]
    else if (!installerLines.some((known) => known.test(line))) return undefined
  }
  return target === undefined ? undefined : { program: "node", flags: [], target, env: {} }
}

const installerLines: ReadonlyArray<RegExp> = [
  /^::/,
  /^ECHO OFF$/i,
  /^SETLOCAL$/i,
  /^SET "NODE_EXE=(%~dp0\\node\.exe|node)"$/i,
  /^IF NOT EXIST "%NODE_EXE%" \($/i,
  /^SET "NPM_PREFIX_JS=%~dp0\\[^"%]+"$/i,
  /^SET "NPM_CLI_JS=%~dp0\\[^"%]+"$/i,
  /^FOR \/F "delims=" %%F IN \('CALL "%NODE_EXE%" "%NPM_PREFIX_JS%"'\) DO \($/i,
  /^FOR \/F "delims=" %%F IN \('CALL "%NODE_EXE%" "%NPM_CLI_JS%" prefix -g'\) DO \($/i,
  /^SET "NPM_PREFIX_NP[MX]_CLI_JS=%%F\\[^"%]+"$/i,
  /^IF EXIST "%NPM_PREFIX_NP[MX]_CLI_JS%" \($/i,
  /^SET "NP[MX]_CLI_JS=%NPM_PREFIX_NP[MX]_CLI_JS%"$/i,
  /^\)$/
]

// npm's cmd-shim of all ages, pnpm's, yarn's and corepack's.
const readPackageManager = (lines: ReadonlyArray<string>): Shim | undefined => {
  const runs: Array<Omit<Shim, "env">> = []
  const env: Record<string, string> = {}
  let programOfVariable: string | undefined = undefined
  for (const line of lines) {
    const path = /^SET "?NODE_PATH=([^"]*?)"?$/i.exec(line)?.[1]
    const program = /^SET "_prog=([^"%]+)"$/i.exec(line)?.[1]
    const run = readRun(line)
    if (path !== undefined) {
      // The first says what is set when nothing was; the other one appends what was, which a child of ours does not inherit.
      if (!path.includes("%NODE_PATH%")) env["NODE_PATH"] = path
    } else if (program !== undefined) programOfVariable = program
    else if (run !== undefined) runs.push(run)
    else if (!packageManagerLines.some((known) => known.test(line))) return undefined
  }
  const [first] = runs
  if (first === undefined) return undefined
  const named = runs.map((run) => run.program === "%_prog%" ? { ...run, program: programOfVariable } : run)
  // The same script with the node beside it, and with the one in PATH.
  if (named.some(({ flags, target }) => target !== first.target || flags.join(" ") !== first.flags.join(" "))) {
    return undefined
  }
  const program = named.at(-1)?.program
  if (program === undefined && runs.some((run) => run.program !== undefined)) return undefined
  return { program, flags: first.flags, target: first.target, env }
}

const packageManagerLines: ReadonlyArray<RegExp> = [
  /^::/,
  /^rem\b/i,
  /^ECHO OFF$/i,
  /^SETLOCAL$/i,
  /^ENDLOCAL$/i,
  /^GOTO start$/i,
  /^:find_dp0$/i,
  /^SET dp0=%~dp0$/i,
  /^EXIT \/b$/i,
  /^:start$/i,
  /^CALL :find_dp0$/i,
  /^IF EXIST "(%~dp0|%dp0%)\\[\w.-]+\.exe" \($/i,
  /^IF NOT DEFINED NODE_PATH \($/i,
  /^SET "_prog=%dp0%\\[\w.-]+\.exe"$/i,
  /^SET PATHEXT=%PATHEXT:;\.JS;=;%$/i,
  /^\) ELSE \($/i,
  /^\)$/
]

/** A line that starts the program with the script and all arguments. */
const readRun = (line: string): Omit<Shim, "env"> | undefined => {
  const command = line.replace(/^endLocal & goto #_undefined_# 2>NUL \|\| title %COMSPEC% & /i, "")
  const match = /^(?:("[^"]+"|[\w.-]+)\s+)?((?:--?[\w=.:/-]+\s+)*)"(?:%~dp0|%dp0%)\\([^"%]+)"\s+%\*$/i.exec(command)
  if (match === null) return undefined
  const [, quoted, flags = "", target = ""] = match
  const program = quoted?.replace(/^"|"$/g, "").replace(/^(%~dp0|%dp0%)\\/i, ".\\")
  return { program, target, flags: flags.split(/\s+/).filter((flag) => flag !== "") }
}
