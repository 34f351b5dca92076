/**
 * Wraps the platform: `holdfast call` as a bare client of the daemon's socket, as long as everything is as it mostly is.
 *
 * One write with all that is to be said, and one line back that says what the tool has answered: the daemon reads the words (`CallRequest`). Nothing
 * of Effect is loaded, nor anything else that is not needed. What is not of the usual kind goes to the whole program: before anything was
 * called as if this had never been, and afterwards with the session that was begun (`Begun`).
 */
import * as CallRequest from "@holdfast/daemon/CallRequest"
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import * as Hello from "@holdfast/daemon/Hello"
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { ExitCode } from "../ExitCode.ts"
import { version } from "../internal/version.ts"
import { lostResult, whoseResult } from "../LostResult.ts"
import { printable } from "../Printable.ts"
import * as HotDaemon from "./HotDaemon.ts"
import { end, isTerminal, write } from "./HotOutput.ts"
import * as HotWords from "./HotWords.ts"
import * as PlainAnswer from "./PlainAnswer.ts"
import * as PlainConfig from "./PlainConfig.ts"
import type { Session } from "./Session.ts"

/** The id of the call. */
const id = "holdfast-call"

/** Calls the tool, prints its answer and ends this process; or calls `whole`, once. */
export const main = (argv: ReadonlyArray<string>, whole: (session?: Session) => void): void => {
  const meant = understand(argv)
  if (meant === undefined) return whole()
  const { isJson, opening, tool } = meant
  const isWatched = isTerminal(2)
  const { connect } = process.getBuiltinModule("node:net")
  let isGreeted = false
  let isOver = false
  let rest: Buffer = Buffer.alloc(0)
  /** The last word of how far the call is, which the whole program shows. */
  let progress = ""
  const leave = (): boolean => {
    if (isOver) return false
    isOver = true
    clearTimeout(timer)
    return true
  }
  const stopListening = (): void => {
    for (const signal of HotDaemon.signals) process.off(signal, stop)
    socket.off("data", onData).off("close", onClose)
  }
  /** Nothing has been called. */
  const beginAnew = (): void => {
    if (!leave()) return
    stopListening()
    socket.on("error", ignore).destroy()
    whole()
  }
  const handOver = (method = "tools/call", answer?: string): void => {
    if (!leave()) return
    stopListening()
    socket.pause()
    whole({ _tag: "Open", socket, asked: { id, method, answer }, rest: Buffer.concat([Buffer.from(progress), rest]) })
  }
  /** It may have run. */
  const lose = (description: string): void => {
    if (!leave()) return
    stopListening()
    socket.on("error", ignore).destroy()
    whole({ _tag: "Lost", description })
  }
  const timer = setTimeout(
    () => isGreeted ? handOver() : beginAnew(),
    isWatched ? HotDaemon.patience.atTerminal : HotDaemon.patience.elsewhere
  )
  const onClose = (): void => isGreeted ? lose(PlainAnswer.daemonEnded) : beginAnew()
  // The daemon cancels what a client has asked for that has gone.
  const stop = (): void => process.exit(ExitCode.interrupted)
  const onLine = (line: string): void => {
    if (!isGreeted) {
      const answer = Hello.decodeAnswer(line)
      isGreeted = answer !== undefined && "calls" in answer && answer.calls === true
      return isGreeted ? undefined : beginAnew()
    }
    const outcome = PlainAnswer.read(line, id)
    if (outcome === undefined) return
    switch (outcome._tag) {
      case "NotTaken":
        return beginAnew()
      case "Progress":
        progress = `${line}\n`
        return
      case "Asked":
        // It is the whole program's to read.
        rest = Buffer.concat([Buffer.from(`${line}\n`), rest])
        return handOver()
      case "Lost":
        return lose(outcome.description)
      case "Odd":
        return handOver(outcome.method, line)
      case "Text":
        // What is said in colours is the whole program's to say.
        if (outcome.isError && !isJson && isWatched) handOver("tools/call", line)
        else if (leave()) print(outcome, tool, isJson)
    }
  }
  /** Undefined: there is none, or it is not for this. */
  const nextLine = (): string | undefined => {
    const end = isOver ? -1 : rest.indexOf(10)
    if (end < 0) return undefined
    const line = rest.toString("utf8", 0, end)
    rest = rest.subarray(end + 1)
    return line
  }
  const onData = (chunk: Buffer): void => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let line = nextLine(); line !== undefined; line = nextLine()) onLine(line)
    // A longer line is the whole program's: it is made of many chunks.
    if (rest.length > maxLineBytes) handOver()
  }
  const socket = connect(meant.socket).on("data", onData).once("close", onClose).on("error", ignore)
  for (const signal of HotDaemon.signals) process.on(signal, stop)
  socket.write(opening)
}

const ignore = (): void => {}

const maxLineBytes = 1024 * 1024

/** All that is to be said. Undefined: not of the usual kind. */
const understand = (argv: ReadonlyArray<string>) => {
  try {
    const words = HotWords.read(argv)
    if (words === undefined || !HotDaemon.isAllowed()) return undefined
    const server = PlainConfig.findIn(HotDaemon.configs(words.config), words.words)
    if (server === undefined) return undefined
    const read: Array<CallRequest.WrittenWord> = []
    for (const word of words.words.slice(server.words)) {
      const argument = HotWords.argumentOf(word, (file) => readFileSync(path.resolve(file), "utf8"))
      if (argument === undefined) return undefined
      read.push(argument)
    }
    const place = DaemonPlace.open()
    const { name, tool } = server
    const request = {
      tool,
      objects: words.objects,
      words: read,
      client: HotDaemon.client()
    }
    return {
      socket: place.socket,
      isJson: words.isJson,
      tool: `${name}.${tool}`,
      opening: HotDaemon.helloFor(place, server) + CallRequest.encode(id, request)
    }
  } catch {
    // A file that cannot be read, or no place for a daemon: the whole program says why.
    return undefined
  }
}

/** Prints as `commands/call.ts` does, and ends. */
const print = (
  { isError, result, text }: Extract<PlainAnswer.Outcome, { readonly _tag: "Text" }>,
  tool: string,
  isJson: boolean
): void => {
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
