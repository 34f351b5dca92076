/**
 * Wraps the platform: a server to its host, over stdin and stdout, whose real server is in the daemon.
 *
 * It stays for as long as the host's stdin is open, whatever dies below: `HostSession` says what becomes of requests then. Plain Node, without
 * Effect: there is one beside every host. It is the shim, not the daemon, that answers from the catalogue: so it needs neither a daemon nor a
 * socket for that.
 *
 * @example
 * ```ts
 * import * as Shim from "@holdfast/daemon/Shim"
 *
 * await Shim.run({
 *   program: "my-host",
 *   wants: { server: "fs", config: "/home/me/project/mcp.json" },
 *   input: process.stdin,
 *   output: process.stdout,
 *   onNotice: (message) => console.error(message)
 * })
 * ```
 */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type { Socket } from "node:net"
import type { Readable, Writable } from "node:stream"
import { isNativeError } from "node:util/types"
import { Catalogue } from "./Catalogue.ts"
import * as CatalogueFiles from "./CatalogueFiles.ts"
import * as DaemonClient from "./DaemonClient.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import * as DaemonUpstream from "./DaemonUpstream.ts"
import { HostSession, type Loss, type Opening } from "./HostSession.ts"
import { LongCalls } from "./LongCalls.ts"
import type * as RawMessage from "./RawMessage.ts"

/** The server that the shim stands for, and the host's ends of it. */
export interface ShimOptions extends Omit<DaemonClient.ConnectOptions, "use" | "start" | "wants"> {
  readonly wants: CatalogueFiles.CatalogueFilesOptions["wants"]
  /** True: the handshake and the lists are answered by the server, not from what it has answered before. Default: false. */
  readonly eager?: boolean | undefined
  /** Calls of tools that take longer than so many milliseconds are answered with "still running" (`LongCalls`). Default: none is. */
  readonly longCalls?: number | undefined
  /** Told what people should know. Default: that is not told. */
  readonly onNotice?: ((message: string) => void) | undefined
  readonly input: Readable
  readonly output: Writable
}

/** How long requests may still be answered when the host has closed its side, as with `echo … | holdfast connect fs`. */
const drainMillis = 30_000

/** More than this is not taken from one side before the other has read what came before. */
const maxWaitingBytes = 1024 * 1024

/** Serves until the host has gone. */
export const run = (options: ShimOptions): Promise<void> =>
  new Promise((resolve) => {
    const { input, output } = options
    /** The connection to the daemon, while there is one. */
    let current: Socket | undefined
    let isEnding = false
    const write = (text: string): void => {
      output.write(`${text}\n`)
      if (output.writableLength > maxWaitingBytes && current !== undefined) {
        const source = current
        source.pause()
        output.once("drain", () => source.resume())
      }
    }
    /** Goes to the newer daemon, once it has been told that there is one. */
    let moveIfQuiet = (): void => {}
    const isAnswered = (): boolean => session.pending === (long?.unawaited ?? 0)
    const session = new HostSession({
      place: "shim",
      now: () => performance.now(),
      memory: memoryOf(options),
      toHost: (text) => {
        if (long === undefined) write(text)
        else long.sessionSaid(text)
        if (isEnding && isAnswered()) finish()
        else moveIfQuiet()
      },
      open: (initialize, opening) => {
        moveIfQuiet = () => {}
        open(options, initialize, opening, (socket) => {
          current = socket
        }, () => {
          moveIfQuiet = () => {
            if (session.pending === 0) opening.onLost(moved)
          }
          moveIfQuiet()
        })
      }
    })
    const long = options.longCalls === undefined ? undefined : new LongCalls({
      limit: options.longCalls,
      toHost: write,
      toSession: (text) => session.hostSaid(text),
      later: (millis, run) => {
        const timer = setTimeout(run, millis).unref()
        return () => clearTimeout(timer)
      },
      newId: () => process.getBuiltinModule("node:crypto").randomBytes(9).toString("base64url")
    })
    const hear = (line: string): void => long === undefined ? session.hostSaid(line) : long.hostSaid(line)
    const finish = (): void => {
      session.hostEnded()
      // What was written last is to be read, too.
      output.write("", () => resolve())
    }
    const framing = LineFraming.make({
      onLine: hear,
      onFault: ({ _tag }) => session.hostSaid(JSON.stringify(_tag))
    })
    input.on("data", (chunk: Buffer) => {
      framing.push(chunk)
      if (current !== undefined && current.writableLength > maxWaitingBytes) {
        input.pause()
        const resume = (): void => void input.resume()
        current.once("drain", resume).once("close", resume)
      }
    })
    const end = (): void => {
      if (isEnding) return
      isEnding = true
      framing.end()
      if (isAnswered()) return finish()
      setTimeout(finish, drainMillis).unref()
    }
    input.once("end", end).once("close", end).once("error", end)
    // A host that reads no more has gone, and what is still written to it fails as well.
    output.on("error", () => {
      session.hostEnded()
      resolve()
    })
  })

/** Nothing was on the way. */
const moved: Loss = { reason: "ConnectionLost", message: "a newer daemon has taken over" }

/** Where nothing can be kept, the server answers everything. */
const memoryOf = (options: ShimOptions): Catalogue | undefined => {
  const { directory, eager, environment, modern, onNotice, wants } = options
  const store = CatalogueFiles.open({
    wants,
    environment,
    directory,
    onFault: (message) => onNotice?.(`what servers say of themselves is not kept: ${message}`)
  })
  if (store === undefined) return undefined
  // What a legacy server says to such a host is not what it says to others.
  const kind = (words: string): string => modern === true ? `modern ${words}` : words
  const { confirm, read, write } = store
  return new Catalogue({
    store: {
      read: (words) => read(kind(words)),
      write: (words, text) => write(kind(words), text),
      confirm: (words) => confirm(kind(words))
    },
    name: CatalogueFiles.nameOf(wants),
    now: Date.now,
    isEager: eager
  })
}

const open = (
  options: ShimOptions,
  initialize: RawMessage.RawMessage | undefined,
  opening: Opening,
  onSocket: (socket: Socket) => void,
  onMoved: () => void
): void => {
  const begin = ({ socket }: DaemonClient.DaemonConnection): void => {
    onSocket(socket)
    const framing = LineFraming.make({
      onLine: (line) => lines.onLine(line),
      onFault: () => socket.destroy()
    })
    socket.on("data", (chunk: Buffer) => framing.push(chunk))
    socket.once("close", () => lines.onLost({ reason: "ConnectionLost", message: "the daemon has ended" }))
    const lines = DaemonUpstream.begin({
      initialize,
      opening,
      toDaemon: (text) => void socket.write(`${text}\n`),
      close: () => void socket.end(),
      onMoved
    })
    socket.resume()
  }
  const refuse = (error: unknown): void =>
    opening.onLost({
      reason: error instanceof DaemonRefusal ? error.code : "NotStarted",
      message: isNativeError(error) ? error.message : String(error)
    })
  DaemonClient.connect({ ...options, use: "host", moves: true }).then(begin, refuse)
}
