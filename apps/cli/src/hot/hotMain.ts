/**
 * Wraps the platform: `holdfast call` as a bare client of the daemon's socket, as long as everything is as it mostly is.
 *
 * Nothing of Effect is loaded. What is not of the usual kind goes to the whole program: before anything was sent as if this had never been, and
 * afterwards with the session that was begun (`Begun`).
 */
import * as DaemonClient from "@holdfast/daemon/DaemonClient"
import { isUtf8 } from "node:buffer"
import { fstatSync, readFileSync, writeSync } from "node:fs"
import type { Socket } from "node:net"
import * as path from "node:path"
import { isNativeError } from "node:util/types"
import * as ConfigPlaces from "../ConfigPlaces.ts"
import { ExitCode } from "../ExitCode.ts"
import { version } from "../internal/version.ts"
import { lostResult, whoseResult } from "../LostResult.ts"
import { printable } from "../Printable.ts"
import type { Word } from "../ToolWords.ts"
import { type Asked, HotCall, type PlainAnswer } from "./HotCall.ts"
import * as HotWords from "./HotWords.ts"
import * as PlainConfig from "./PlainConfig.ts"

/** A session that the whole program goes on with. */
export interface Session {
  readonly socket: Socket
  readonly asked: ReadonlyMap<string, Asked>
  readonly rest: Buffer
}

/** After this the whole program goes on, in milliseconds. */
const patience = {
  /** It says what is waited for. */
  atTerminal: 900,
  /** A server that knows only the legacy era may be silent on the first question: it has other ones. */
  first: 2000,
  /** It knows the deadlines. */
  next: 30_000
}

/** Calls the tool, prints its answer and ends this process; or calls `whole`, once. */
export const main = (argv: ReadonlyArray<string>, whole: (session?: Session) => void): void => {
  const meant = understand(argv)
  if (meant === undefined) return whole()
  const { given, isJson, server } = meant
  let socket: Socket | undefined
  let isOver = false
  const rest = new Rest()
  let timer: NodeJS.Timeout | undefined
  const isWatched = isTerminal(2)
  const wait = (millis: number): void => {
    // At a terminal all of it together has the time of a breath.
    if (isWatched && timer !== undefined) return
    clearTimeout(timer)
    timer = setTimeout(handOver, isWatched ? patience.atTerminal : millis)
  }
  const leave = (): boolean => {
    if (isOver) return false
    isOver = true
    clearTimeout(timer)
    return true
  }
  const handOver = (): void => {
    if (!leave()) return
    call.stop()
    for (const signal of signals) process.off(signal, stop)
    if (socket === undefined) return whole()
    socket.off("data", onData).off("close", handOver).pause()
    whole({ socket, asked: call.asked, rest: rest.bytes })
  }
  // The daemon cancels what a client has asked for that has gone.
  const stop = (): void => process.exit(ExitCode.interrupted)
  const onData = (chunk: Buffer): void => {
    rest.push(chunk)
    for (let line = rest.line(); line !== undefined && call.serverSaid(line); line = rest.line()) rest.take()
    if (rest.bytes.length > maxLineBytes) handOver()
  }
  const call = new HotCall({
    tool: server.tool,
    given,
    version,
    toServer: (text) => {
      wait(patience.next)
      socket?.write(text)
    },
    onAnswer: (answer) => {
      // What is said in colours is the whole program's to say.
      if (answer.isError && !isJson && isWatched) handOver()
      else if (leave()) print(answer, `${server.name}.${server.tool}`, isJson)
    },
    // Whether the line is taken is known after this.
    onOdd: () => queueMicrotask(handOver)
  })
  wait(patience.first)
  const { args, command, cwd, env, name } = server
  DaemonClient.connect({
    wants: { endpoint: { command, args, cwd, env, inheritEnv: false }, name },
    program: "holdfast",
    use: "once",
    start: false,
    first: call.opening
  }).then((connection) => {
    if (isOver) return void connection.socket.destroy()
    if (DaemonClient.makesWay(connection.daemon)) {
      connection.socket.destroy()
      return handOver()
    }
    socket = connection.socket
    for (const signal of signals) process.on(signal, stop)
    socket.on("data", onData).once("close", handOver).resume()
  }, handOver)
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Undefined: not of the usual kind. */
const understand = (argv: ReadonlyArray<string>) => {
  try {
    const words = HotWords.read(argv)
    if (words === undefined || (process.env["HOLDFAST_NO_DAEMON"] ?? "") !== "") return undefined
    const places = words.config === undefined
      ? ConfigPlaces.found({ directory: process.cwd() })
      : [{ file: path.resolve(words.config), needsTrust: false }]
    const server = PlainConfig.findIn(places.map(configAt), words.words)
    if (server === undefined) return undefined
    const read: Array<Word> = []
    for (const word of words.words.slice(server.words)) {
      const argument = HotWords.argumentOf(word, (file) => readFileSync(path.resolve(file), "utf8"))
      if (argument === undefined) return undefined
      read.push(argument)
    }
    return { server, isJson: words.isJson, given: { objects: words.objects, words: read } }
  } catch {
    // A file that cannot be read: the whole program says why.
    return undefined
  }
}

const configAt = ({ file, needsTrust }: Pick<ConfigPlaces.Place, "file" | "needsTrust">): PlainConfig.PlainFile => ({
  file,
  read: () => readFileSync(file, "utf8"),
  isTrusted: () => !needsTrust || ConfigPlaces.trustOf(file) === "trusted"
})

/** Prints as `commands/call.ts` does, and ends. */
const print = ({ isError, result, text }: PlainAnswer, tool: string, isJson: boolean): void => {
  const exitCode = isError ? ExitCode.toolError : ExitCode.ok
  if (isError && !isJson) {
    const why = printable(text).trim() || "it does not say why"
    return write(2, Buffer.from(`holdfast: ${tool} failed: ${why}\n`), () => process.exit(exitCode))
  }
  const shown = isTerminal(1) ? printable(text) : text
  const output = isJson ? `${JSON.stringify(result)}\n` : text === "" || text.endsWith("\n") ? shown : `${shown}\n`
  end(output, exitCode, whoseResult(tool), isJson)
}

/** Prints the version of the program. */
export const printVersion = (): void => end(`${version}\n`, ExitCode.ok, lostResult, false)

/** Prints a result and ends. `lost` begins the message that says that it could not be written. */
const end = (result: string, exitCode: ExitCode, lost: string, isJson: boolean): void =>
  write(1, Buffer.from(result), (error) => {
    if (error === undefined) process.exit(exitCode)
    void import("./unwritable.ts").then(({ main }) => main(lost, error, isJson))
  })

/** Terminals are devices, and what tells them from others is slow to load. */
const isTerminal = (fd: 1 | 2): boolean =>
  fstatSync(fd).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(fd)

/** Writes all of it. A reader that has gone away has chosen to. */
const write = (fd: 1 | 2, bytes: Uint8Array, then: (error?: Error) => void): void => {
  let rest = bytes
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
  } catch (error) {
    const code = isNativeError(error) && "code" in error ? error.code : undefined
    // A pipe that is full now: its reader is slow.
    if (code === "EAGAIN") {
      const stream = fd === 1 ? process.stdout : process.stderr
      stream.on("error", () => {}).write(rest, () => then())
      return
    }
    // There is nowhere to complain about a complaint.
    if (code !== "EPIPE" && fd === 1 && isNativeError(error)) return then(error)
  }
  then()
}

/** Bytes that are not whole lines yet, or not taken. */
class Rest {
  bytes: Buffer = Buffer.alloc(0)
  #end = -1

  push(chunk: Buffer): void {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk])
  }

  /** The first line, which stays until it is taken. Undefined: there is none, or it is no text. */
  line(): string | undefined {
    this.#end = this.bytes.indexOf(10)
    const line = this.bytes.subarray(0, Math.max(0, this.#end))
    return this.#end < 0 || !isUtf8(line) ? undefined : line.toString("utf8")
  }

  take(): void {
    this.bytes = this.bytes.subarray(this.#end + 1)
  }
}

/** A longer line is the whole program's: it is made of many chunks. */
const maxLineBytes = 1024 * 1024
