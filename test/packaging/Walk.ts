/**
 * A page of `docs/start` as its reader walks it: every file it shows is written, every command it gives is run, and what it says is printed must be
 * printed. A block is meant by the comment above it:
 *
 * - `file: examples/…/agent.ts` is that file (which `pnpm check repository` holds it to), and is written into the reader's folder;
 * - `writes: playbook.yml` is a file that stands on the page only, written into the reader's folder in the same way;
 * - `installed` is an `npm install`: its packages must be there already, since one installation serves all pages;
 * - `stays` is a program that the reader leaves running in a terminal of its own; the one before it, if there is one, has ended by then;
 * - `typed` are lines that the reader types there;
 * - `prints` are lines that the program must print next, in this order, whatever it prints in between; `…` stands for anything;
 * - no comment: `sh` is typed into one shell, which lives as long as the page; `console` is that with what must be printed, `$ ` before what is typed.
 *
 * Blocks in other languages are compiled by the test of all examples. Ports that a page names are free ones here. At the end of a page the reader
 * types Ctrl-C and closes the terminals.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { cleanEnvironment, root } from "./Tarballs.ts"

/**
 * Walks the page in the folder, where the packages are installed, and says of how many blocks. Fails with the place of the block that did not do what the
 * page says.
 */
export const walk = async (page: string, folder: string): Promise<number> => {
  const ports = await freePorts()
  const text = [...ports].reduce(
    (text, [said, free]) => text.replaceAll(said, free),
    Fs.readFileSync(Path.join(root, page), "utf8")
  )
  const environment = {
    ...cleanEnvironment(),
    // The daemon of a page is its own, and ends with it.
    HOLDFAST_NO_DAEMON: undefined,
    XDG_RUNTIME_DIR: Path.join(folder, ".run"),
    XDG_STATE_HOME: Path.join(folder, ".state"),
    XDG_CONFIG_HOME: Path.join(folder, ".config"),
    NO_COLOR: "1",
    PATH: [Path.join(folder, "node_modules/.bin"), Path.dirname(process.execPath), process.env["PATH"]].join(":")
  }
  Fs.mkdirSync(environment.XDG_RUNTIME_DIR, { recursive: true, mode: 0o700 })
  const shell = new Terminal(spawn("bash", ["-s"], { cwd: folder, env: environment }))
  let program: Terminal | undefined
  const running = (): Terminal => {
    if (program === undefined) throw new Error("no program runs that could be typed into or print")
    return program
  }
  /** What the shell prints over the commands, and the exit code of the last one. With `set -e` a failure before that ends the shell. */
  const run = async (commands: string): Promise<{ readonly said: string; readonly code: string }> => {
    shell.type(`{ ${commands}\n} 2>&1 </dev/null; printf '␞%s␞\\n' $?`)
    const [said = "", code = ""] = (await shell.until(/␞\d+␞\n/)).split("␞")
    return { said, code }
  }
  const take = async ({ info, note = "", text }: CodeBlock): Promise<void> => {
    const file = /^(?:file: examples\/[\w-]+\/|writes: )(\S+)$/.exec(note)?.[1]
    if (file !== undefined) {
      Fs.mkdirSync(Path.dirname(Path.join(folder, file)), { recursive: true })
      Fs.writeFileSync(Path.join(folder, file), `${text}\n`)
    } else if (note === "installed") {
      const names = text.split("\n").flatMap((line) => line.split(" ").slice(2)).filter((word) => !word.startsWith("-"))
      for (const name of names) {
        if (!Fs.existsSync(Path.join(folder, "node_modules", name))) throw new Error(`${name} is not installed`)
      }
      const manifest = { dependencies: Object.fromEntries(names.map((name) => [name, "*"])) }
      Fs.writeFileSync(Path.join(folder, "package.json"), JSON.stringify(manifest))
    } else if (note === "stays") {
      await program?.end()
      program = new Terminal(spawn("bash", ["-c", text], { cwd: folder, env: environment, detached: true }))
    } else if (note === "typed") {
      running().type(text)
    } else if (note === "prints") {
      for (const line of text.split("\n")) await running().until(patternOf(line))
    } else if (note !== "") {
      throw new Error(`the test does not know what "${note}" means`)
    } else if (info === "sh") {
      await run(`set -e\n${text}\nset +e`)
    } else if (info === "console") {
      for (const part of text.split(/^(?=\$ )/m)) {
        const [typed = "", ...expected] = part.trimEnd().split("\n")
        const { code, said } = await run(typed.slice(2))
        const shown = code === "0" ? said : `${said}[exit code ${code}]`
        if (!new RegExp(`^${patternOf(expected.join("\n")).source}$`).test(shown.trimEnd())) {
          throw new Error(`${typed}\nprinted\n${shown}\nand not\n${expected.join("\n")}`)
        }
      }
    }
  }
  try {
    const blocks = blocksOf(text)
    for (const block of blocks) {
      try {
        await take(block)
      } catch (cause) {
        throw new Error(`${page}:${block.line}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
      }
    }
    return blocks.length
  } finally {
    await program?.end()
    await shell.end()
    // A page that failed did not come to its last words.
    spawnSync("holdfast", ["daemon", "stop"], { cwd: folder, env: environment, stdio: "ignore" })
  }
}

interface CodeBlock {
  readonly info: string
  readonly note: string | undefined
  readonly text: string
  /** Line of the opening fence. */
  readonly line: number
}

const blocksOf = (page: string): ReadonlyArray<CodeBlock> =>
  [...page.matchAll(/(?:^<!-- (.+) -->\n+)?^```(\w*)\n([^]*?)\n```$/gm)].map((
    { 0: all, 1: note, 2: info = "", 3: text = "", index }
  ) => ({
    info,
    note,
    text,
    line: page.slice(0, index + all.indexOf("```")).split("\n").length
  }))

/** A line of a page as a pattern: `…` stands for anything. */
const patternOf = (said: string): RegExp =>
  new RegExp(said.split("…").map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("[^]*?"))

/** Ports as pages have them, and those that stand for them here. */
const freePorts = async (): Promise<ReadonlyMap<string, string>> => {
  const servers = ["8080", "2628"].map((said) => ({ said, server: Net.createServer().listen(0, "127.0.0.1") }))
  const free = new Map<string, string>()
  for (const { said, server } of servers) {
    if (!server.listening) await once(server, "listening")
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("a port was asked for")
    free.set(said, String(address.port))
    server.close()
    await once(server, "close")
  }
  return free
}

/** A program and what it prints, on stdout and stderr. */
class Terminal {
  readonly #child: ChildProcess
  #unread = ""
  #look: () => void = () => {}
  #isOver = false

  constructor(child: ChildProcess) {
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.#unread += chunk
        this.#look()
      })
    }
    child.once("close", () => {
      this.#isOver = true
      this.#look()
    })
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** All that is printed until the pattern has come, which is read by then. Fails when the program ends before that. */
  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      // Only names the block of a program that hangs, before the whole test is given up.
      const patience = setTimeout(
        () => reject(new Error(`${pattern.source} is not printed, after\n${this.#unread}`)),
        120_000
      )
      const look = () => {
        const match = pattern.exec(this.#unread)
        if (match !== null) {
          const end = match.index + match[0].length
          const read = this.#unread.slice(0, end)
          this.#unread = this.#unread.slice(end)
          this.#look = () => {}
          clearTimeout(patience)
          resolve(read)
        } else if (this.#isOver) {
          clearTimeout(patience)
          reject(new Error(`it ended without printing ${pattern.source}, after\n${this.#unread}`))
        }
      }
      this.#look = look
      look()
    })
  }

  /** Ctrl-C, which reaches all of the terminal's processes, and the end of its input. */
  async end(): Promise<void> {
    if (this.#isOver) return
    const isOver = once(this.#child, "close")
    this.#child.stdin?.end()
    if (this.#child.spawnargs.includes("-c") && this.#child.pid !== undefined) process.kill(-this.#child.pid, "SIGINT")
    await isOver
  }
}
