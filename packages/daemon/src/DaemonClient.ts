/**
 * Wraps the platform: a connection to the daemon, past the first line of both sides.
 *
 * Plain Node, without Effect, because the programs that use it are to be as fast as a bare client of a socket.
 *
 * Promises
 * - A daemon that is not there is started, exactly once however many programs ask for it together, and waited for.
 * - A daemon that ends before it has answered has done nothing: the next one is asked.
 * - A daemon that is older than this program makes way for one of this version, if that can be started; else it is used as it is. A
 *   newer one is used.
 * - Everything that keeps a caller from its daemon is a `DaemonRefusal` with a sentence.
 *
 * @example
 * ```ts
 * import { DaemonClient, DaemonRefusal } from "@holdfast/daemon"
 *
 * try {
 *   const { daemon, socket } = await DaemonClient.connect({
 *     program: "report",
 *     wants: { server: "fs", config: "/home/me/project/mcp.json" }
 *   })
 *   console.log(`daemon ${daemon.version}, process ${daemon.pid}`)
 *   // From here on MCP, as lines of JSON.
 *   socket.pipe(process.stdout)
 *   process.stdin.pipe(socket)
 * } catch (error) {
 *   if (!(error instanceof DaemonRefusal)) throw error
 *   console.error(`${error.code}: ${error.message}`)
 * }
 * ```
 */
import * as net from "node:net"
import process from "node:process"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import * as Hello from "./Hello.ts"
import { isNewer, ownVersion } from "./internal/ownVersion.ts"

/** What a client says to the daemon, and how far it goes to have one. What `Hello` has by the same name is sent as it is. */
export interface ConnectOptions {
  readonly wants: Hello.Wish
  /** The name of the program, for the daemon's list. */
  readonly program: string
  /** Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: that of this process. */
  readonly directory?: string | undefined
  readonly use?: Hello.Use | undefined
  readonly shared?: boolean | undefined
  readonly handOn?: boolean | undefined
  readonly modern?: boolean | undefined
  readonly moves?: boolean | undefined
  /** False: a daemon that is not there is a refusal. Default: it is started. */
  readonly start?: boolean | undefined
  /** Of the program that it is for. Default: this process. */
  readonly pid?: number | undefined
  /** That of this program. Default: that of the package. */
  readonly version?: string | undefined
  /** Lines that go out with the first one, for a client that has no time to wait for the answer to that. */
  readonly first?: string | undefined
  /** Once it is aborted no connection is made, and one that comes late is closed. Default: never. */
  readonly signal?: AbortSignal | undefined
  /** Default: `DaemonPlace.open()`. */
  readonly place?: DaemonPlace.DaemonPlace | undefined
}

/** A connection on which the daemon has answered. The socket belongs to the caller, which destroys it. */
export interface DaemonConnection {
  /** Paused: nothing that the daemon says is lost before there is a listener. */
  readonly socket: net.Socket
  readonly daemon: DaemonGreeting
}

/** What a daemon says of itself. */
export type DaemonGreeting = Exclude<Hello.Answer, { readonly error: unknown }>

/** Whether a daemon of this version takes over from that one, once it is wanted. */
export const makesWay = (daemon: DaemonGreeting, version: string = ownVersion(process.env)): boolean =>
  version !== daemon.version && daemon.stays !== true && isNewer(version, daemon.version)

/** How long a daemon may take from its start or its last sign of life to its answer. */
const patienceMillis = 60_000

/** Connects, and starts the daemon if that is needed. Rejects with `DaemonRefusal`. */
export const connect = async (options: ConnectOptions): Promise<DaemonConnection> => {
  const place = options.place ?? DaemonPlace.open()
  const environment = options.environment ?? process.env
  const version = options.version ?? ownVersion(environment)
  // `performance` would be loaded for this alone.
  const now = (): number => process.uptime() * 1000
  const until = now() + patienceMillis
  let mayReplace = options.start !== false
  const isEnough = (daemon: DaemonGreeting): boolean => !mayReplace || !makesWay(daemon, version)
  const isThere = async (): Promise<boolean> => {
    const socket = await dial(place)
    if (socket === undefined) return false
    const daemon = mayReplace
      ? await greet(socket, Hello.encode(helloOf({ ...options, wants: { daemon: true } }, place)))
      : undefined
    socket.destroy()
    return daemon === undefined || isEnough(daemon)
  }
  while (true) {
    const socket = await dial(place)
    let isOlder = false
    if (socket !== undefined) {
      const daemon = await greet(socket, Hello.encode(helloOf(options, place)) + (options.first ?? ""))
      if (daemon !== undefined && isEnough(daemon) && options.signal?.aborted !== true) return { socket, daemon }
      isOlder = daemon !== undefined
      socket.destroy()
    } else if (options.start === false) {
      throw new DaemonRefusal("NotRunning", "no daemon is running")
    }
    if (options.signal?.aborted === true) throw new DaemonRefusal("NotRunning", "the daemon is not wanted any more")
    if (now() > until) {
      if (!isOlder) {
        throw new DaemonRefusal(
          "NotStarted",
          `the daemon does not answer; its socket is ${place.socket} and its log ${place.log}`
        )
      }
      mayReplace = false
    }
    try {
      if (options.start !== false) {
        // Most programs find it running, and are to be quick.
        const { startDaemon } = await import("./DaemonStart.ts")
        await startDaemon(place, environment, isThere)
      }
    } catch (error) {
      // The older one is there all the same.
      if (!isOlder) throw error
      mayReplace = false
    }
    // Programs that wait for the same daemon do not look for it in step.
    await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 20))
  }
}

/** Undefined: nothing listens there. */
const dial = (place: DaemonPlace.DaemonPlace): Promise<net.Socket | undefined> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ path: place.socket })
    socket.once("connect", () => {
      socket.removeAllListeners("error").on("error", () => {})
      resolve(socket)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => {
      // A queue that is full is a daemon that is busy: it is asked again.
      if (["ENOENT", "ECONNREFUSED", "ECONNRESET", "EAGAIN"].includes(error.code ?? "")) return resolve(undefined)
      reject(
        new DaemonRefusal(
          "NoPlace",
          `the daemon's socket ${place.socket} cannot be used (${error.code ?? error.message})`
        )
      )
    })
  })

const helloOf = (options: ConnectOptions, place: DaemonPlace.DaemonPlace): Hello.Hello => ({
  holdfast: Hello.protocol,
  token: DaemonPlace.readToken(place),
  program: options.program,
  pid: options.pid ?? process.pid,
  directory: options.directory ?? process.cwd(),
  environment: Object.fromEntries(
    Object.entries(options.environment ?? process.env).filter((entry): entry is [string, string] =>
      entry[1] !== undefined
    )
  ),
  wants: options.wants,
  use: options.use,
  shared: options.shared,
  handOn: options.handOn,
  modern: options.modern,
  moves: options.moves
})

/** Undefined: the daemon has ended before its answer. */
const greet = (
  socket: net.Socket,
  hello: string
): Promise<DaemonGreeting | undefined> =>
  new Promise((resolve, reject) => {
    let chunks: Array<Buffer> = []
    const onData = (chunk: Buffer): void => {
      const end = chunk.indexOf(10)
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
      if (end < 0) return
      stop()
      socket.pause()
      // What came behind the answer is the server's.
      if (end + 1 < chunk.length) socket.unshift(chunk.subarray(end + 1))
      const answer = Hello.decodeAnswer(Buffer.concat(chunks).toString("utf8"))
      chunks = []
      if (answer === undefined) {
        socket.destroy()
        reject(new DaemonRefusal("NotAdmitted", "what listens on the daemon's socket is no daemon of holdfast"))
      } else if ("error" in answer) {
        socket.destroy()
        reject(new DaemonRefusal(answer.error.code, answer.error.message))
      } else resolve(answer)
    }
    const onClose = (): void => {
      stop()
      resolve(undefined)
    }
    const timer = setTimeout(() => {
      stop()
      socket.destroy()
      reject(
        new DaemonRefusal("NotStarted", `the daemon has not answered within ${patienceMillis / 1000} s; is it stopped?`)
      )
    }, patienceMillis)
    const stop = (): void => {
      clearTimeout(timer)
      socket.off("data", onData).off("close", onClose)
    }
    socket.on("data", onData).once("close", onClose)
    socket.write(hello)
  })
