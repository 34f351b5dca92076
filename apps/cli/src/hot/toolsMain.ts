/**
 * Wraps the platform: `holdfast tools` as a bare client of the daemon's socket, where the daemon has every server that is meant and knows its list.
 *
 * For each server one write and one line back (`ToolsRequest`), all at once. Nothing is started by it, and nothing is lost by giving up: what is not of
 * the usual kind is for the whole program, as if this had never been.
 */
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import * as Hello from "@holdfast/daemon/Hello"
import * as ToolsRequest from "@holdfast/daemon/ToolsRequest"
import type { Socket } from "node:net"
import { ExitCode } from "../ExitCode.ts"
import * as Layout from "../Layout.ts"
import { lostResult } from "../LostResult.ts"
import * as ToolsText from "../ToolsText.ts"
import * as HotDaemon from "./HotDaemon.ts"
import { end, isTerminal } from "./HotOutput.ts"
import * as HotWords from "./HotWords.ts"
import * as PlainConfig from "./PlainConfig.ts"
import * as PlainList from "./PlainList.ts"

/** The id of the request. */
const id = "holdfast-tools"

/** Prints what the daemon knows and ends this process; or calls `whole`, once. */
export const main = (argv: ReadonlyArray<string>, whole: () => void): void => {
  const meant = understand(argv)
  if (meant === undefined) return whole()
  const { isJson, servers, socket: file } = meant
  const { connect } = process.getBuiltinModule("node:net")
  const lists: Array<PlainList.PlainTools | undefined> = servers.map(() => undefined)
  const sockets: Array<Socket> = []
  let missing = servers.length
  let isOver = false
  const leave = (): boolean => {
    if (isOver) return false
    isOver = true
    clearTimeout(timer)
    return true
  }
  const giveUp = (): void => {
    if (!leave()) return
    for (const signal of HotDaemon.signals) process.off(signal, stop)
    for (const socket of sockets) socket.destroy()
    whole()
  }
  const stop = (): void => process.exit(ExitCode.interrupted)
  const timer = setTimeout(giveUp, isTerminal(2) ? HotDaemon.patience.atTerminal : HotDaemon.patience.elsewhere)
  const print = (): void => {
    const listed = servers.flatMap((server, index) => {
      const tools = lists[index]
      return tools === undefined ? [] : [{ server, tools }]
    })
    const text = isJson ? jsonOf(listed) : textOf(listed)
    if (text === undefined) giveUp()
    else if (leave()) end(text, ExitCode.ok, lostResult, isJson)
  }
  for (const signal of HotDaemon.signals) process.on(signal, stop)
  for (const [index, { opening }] of servers.entries()) {
    let isGreeted = false
    const chunks: Array<Buffer> = []
    const onLine = (line: string): void => {
      if (isOver) return
      if (!isGreeted) {
        const answer = Hello.decodeAnswer(line)
        isGreeted = answer !== undefined && "tools" in answer && answer.tools === true
        return isGreeted ? undefined : giveUp()
      }
      const tools = PlainList.read(line, id)
      if (tools === "another") return
      if (tools === "odd") return giveUp()
      lists[index] ??= tools
      if (--missing === 0) print()
    }
    sockets.push(
      connect(file)
        .on("data", (chunk: Buffer) => {
          // A list is long, and comes in pieces.
          let from = 0
          for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
            chunks.push(chunk.subarray(from, at))
            from = at + 1
            onLine(Buffer.concat(chunks.splice(0)).toString("utf8"))
          }
          chunks.push(chunk.subarray(from))
        })
        .on("error", () => {})
        .once("close", giveUp)
    )
    sockets[index]?.write(opening)
  }
}

interface Meant {
  readonly name: string
  /** Empty: all of them. */
  readonly tool: string
  readonly opening: string
}

/** All that is to be said. Undefined: not of the usual kind. */
const understand = (argv: ReadonlyArray<string>) => {
  try {
    const read = HotWords.read(argv, false)
    if (read === undefined || read.words.length > 1 || !HotDaemon.isAllowed()) return undefined
    const files = HotDaemon.configs(read.config)
    const found = read.words.length === 0 ? PlainConfig.allIn(files) : PlainConfig.findIn(files, read.words, true)
    const servers = found === undefined ? [] : "name" in found ? [found] : found
    // Each has a connection of its own.
    if (servers.length === 0 || servers.length > mostServers) return undefined
    const place = DaemonPlace.open()
    const request = ToolsRequest.encode(id, HotDaemon.client())
    return {
      isJson: read.isJson,
      socket: place.socket,
      servers: servers.map((server): Meant => ({
        name: server.name,
        tool: server.tool,
        opening: HotDaemon.helloFor(place, server) + request
      }))
    }
  } catch {
    // A file that cannot be read, or no place for a daemon: the whole program says why.
    return undefined
  }
}

const mostServers = 50

interface Listed {
  readonly server: Meant
  readonly tools: PlainList.PlainTools
}

/** As `commands/tools.ts` has it. Undefined: there is no such tool. */
const jsonOf = (listed: ReadonlyArray<Listed>): string | undefined => {
  const shown = listed.map(({ server: { name, tool }, tools }) => ({
    server: name,
    tools: tool === "" ? tools : tools.filter((each) => each.name === tool).slice(0, 1)
  }))
  return listed.some(({ server: { tool } }, index) => tool !== "" && shown[index]?.tools.length === 0)
    ? undefined
    : `${JSON.stringify(shown)}\n`
}

/** Undefined: there is nothing to show, or it has characters whose widths are not known here. */
const textOf = (listed: ReadonlyArray<Listed>): string | undefined => {
  let isOfKnownWidth = true
  const layout = Layout.make((text) => {
    isOfKnownWidth &&= /^[ -~]*$/.test(text)
    return text.length
  })
  const isShown = isTerminal(1)
  const screen = {
    isTerminal: isShown,
    hasColor: isShown && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb",
    // Some terminals say that they have no width.
    columns: isShown ? process.stdout.columns || 80 : undefined
  }
  const tools = listed.flatMap(({ server: { name, tool }, tools }) =>
    tools.filter((each) => tool === "" || each.name === tool).map((each) => ({ server: name, tool: each }))
  )
  const [first] = tools
  if (first === undefined) return undefined
  const text = listed.some(({ server: { tool } }) => tool !== "")
    ? ToolsText.ofOne(first.server, first.tool, [`${first.server}.${first.tool.name}`], screen, layout)
    : ToolsText.ofAll(tools, screen, layout)
  return isOfKnownWidth ? text : undefined
}
