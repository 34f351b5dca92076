/** A user with a state directory, a config with a server that writes down what it was asked, and the daemon that commands start. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { finish, type Ran, spy, start } from "./Cli.ts"
import { wordRunner } from "./program.ts"

export interface DaemonWorld extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>
  readonly directory: string
  readonly run: (...words: ReadonlyArray<string>) => Promise<Ran>
  /** The same with other variables, too. */
  readonly runWith: (more: Readonly<Record<string, string>>, ...words: ReadonlyArray<string>) => Promise<Ran>
  /** The same, in one process for all: for words whose own process is not what is tested. */
  readonly runCheaply: (...words: ReadonlyArray<string>) => Promise<Ran>
  /** Another one in its config. */
  readonly addServer: (name: string, entry: object) => void
  readonly record: () => ReadonlyArray<string>
  /** The processes of the server, in the order of their starts. */
  readonly servers: () => ReadonlyArray<number>
  readonly daemons: () => ReadonlyArray<number>
}

export const make = (extra: Readonly<Record<string, string>> = {}): DaemonWorld => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfc-"))
  const file = path.join(directory, "record")
  const server = { ...spy("recorded"), env: { SPY_LOG: file } }
  const config = path.join(directory, ".mcp.json")
  fs.writeFileSync(config, JSON.stringify({ mcpServers: { spy: server } }))
  const environment = { XDG_RUNTIME_DIR: "", XDG_STATE_HOME: directory, HOLDFAST_NO_DAEMON: "", ...extra }
  const linesOf = (file: string): ReadonlyArray<string> =>
    fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : []
  const pidsIn = (file: string, pattern: RegExp): ReadonlyArray<number> =>
    linesOf(file).flatMap((line) => {
      const pid = pattern.exec(line)?.[1]
      return pid === undefined ? [] : [Number(pid)]
    })
  const daemons = (): ReadonlyArray<number> =>
    pidsIn(path.join(directory, "holdfast", "daemon.log"), /as process (\d+)/)
  let runner: ChildProcess | undefined
  let answers: AsyncIterator<string> | undefined
  const runCheaply = async (...words: ReadonlyArray<string>): Promise<Ran> => {
    runner ??= spawn(process.execPath, [wordRunner], {
      cwd: directory,
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "inherit"]
    })
    if (runner.stdout === null) throw new Error("the runner has no output")
    answers ??= createInterface({ input: runner.stdout })[Symbol.asyncIterator]()
    runner.stdin?.write(`${JSON.stringify(words)}\n`)
    const { done, value } = await answers.next()
    if (done === true) throw new Error(`the runner has ended at ${words.join(" ")}`)
    return JSON.parse(value)
  }
  return {
    environment,
    directory,
    run: (...words) => finish(start(directory, words, environment)),
    runWith: (more, ...words) => finish(start(directory, words, { ...environment, ...more })),
    runCheaply,
    addServer: (name, entry) => {
      const { mcpServers } = JSON.parse(fs.readFileSync(config, "utf8"))
      fs.writeFileSync(config, JSON.stringify({ mcpServers: { ...mcpServers, [name]: entry } }))
    },
    record: () => linesOf(file),
    servers: () => pidsIn(file, /^start (\d+)$/),
    daemons,
    async [Symbol.asyncDispose]() {
      if (runner !== undefined && runner.exitCode === null) {
        runner.stdin?.end()
        await once(runner, "exit")
      }
      for (const pid of daemons()) if (isAlive(pid)) process.kill(pid, "SIGTERM")
      await until(() => !daemons().some(isAlive))
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    // There is no such process.
    return false
  }
}

/** Waits for an event that nothing tells. The limit only keeps a broken test from hanging. */
export const until = async (look: () => boolean): Promise<void> => {
  for (let i = 0; i < 12_000; i++) {
    if (look()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error("what the test waits for did not happen within minutes")
}

/** So many commands one after another, and as many at once: what they printed, and how many processes their server and the daemon had. */
export const commands = async (count: number) => {
  await using world = make({ HOLDFAST_DAEMON_IDLE: "1 minute" })
  const call = (text: string) => world.run("call", "spy", "echo", `text=${text}`)
  const printed: Array<string> = []
  for (let i = 0; i < count; i++) printed.push((await call(`a${i}`)).stdout)
  for (const { stdout } of await Promise.all(Array.from({ length: count }, (_, i) => call(`b${i}`)))) {
    printed.push(stdout)
  }
  const answers = {
    daemons: world.daemons().length,
    servers: world.servers().length,
    printed: printed.length,
    wrong: 0,
    left: 0
  }
  const expected = new Set(["a", "b"].flatMap((way) => Array.from({ length: count }, (_, i) => `${way}${i}\n`)))
  answers.wrong = printed.filter((text) => !expected.delete(text)).length
  await world.run("daemon", "stop")
  answers.left = world.servers().filter(isAlive).length
  return answers
}
