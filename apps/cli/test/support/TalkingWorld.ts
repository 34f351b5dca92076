/** A user with a state directory, a config with the talking server as `talk`, and the daemon that commands start. */
import type { ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { finish, type Ran, start } from "./Cli.ts"
import { isAlive, until } from "./DaemonWorld.ts"
import * as Terminal from "./Terminal.ts"

export interface TalkingWorld extends AsyncDisposable {
  readonly directory: string
  readonly start: (...words: ReadonlyArray<string>) => ChildProcess
  readonly run: (words: ReadonlyArray<string>, stdin?: string) => Promise<Ran>
  readonly terminal: (words: ReadonlyArray<string>, redirection?: string) => Terminal.Terminal
  /** What the server has noted. */
  readonly record: () => ReadonlyArray<string>
}

/** `usesDaemon`: false starts the server for each command. */
export const make = (usesDaemon: boolean): TalkingWorld => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hft-"))
  const log = path.join(directory, "record")
  const server = {
    command: process.execPath,
    args: [path.resolve(import.meta.dirname, "talkingServer.ts")],
    env: { SPY_LOG: log }
  }
  fs.writeFileSync(path.join(directory, ".mcp.json"), JSON.stringify({ mcpServers: { talk: server } }))
  const environment = {
    // The server gets it, and a terminal has its own: of two environments there are two processes.
    SHELL: "/bin/sh",
    XDG_RUNTIME_DIR: "",
    XDG_STATE_HOME: directory,
    HOLDFAST_NO_DAEMON: usesDaemon ? "" : "1",
    HOLDFAST_DAEMON_IDLE: "1 minute"
  }
  const linesOf = (file: string): ReadonlyArray<string> =>
    fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n").slice(0, -1) : []
  const daemons = (): ReadonlyArray<number> =>
    linesOf(path.join(directory, "holdfast", "daemon.log")).flatMap((line) => {
      const pid = /as process (\d+)/.exec(line)?.[1]
      return pid === undefined ? [] : [Number(pid)]
    })
  return {
    directory,
    start: (...words) => start(directory, words, environment),
    run: (words, stdin) => finish(start(directory, words, environment), stdin),
    terminal: (words, redirection) => Terminal.start(directory, words, environment, redirection),
    record: () => linesOf(log),
    async [Symbol.asyncDispose]() {
      for (const pid of daemons()) if (isAlive(pid)) process.kill(pid, "SIGTERM")
      await until(() => !daemons().some(isAlive))
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}
