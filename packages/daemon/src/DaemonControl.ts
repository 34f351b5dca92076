/**
 * Wraps the platform: what a program asks of the daemon itself, as any MCP client could: by a call of one of its tools.
 *
 * @example
 * ```ts
 * import { DaemonControl } from "@holdfast/daemon"
 *
 * const { servers } = await DaemonControl.status()
 * for (const { leases, name, state } of servers) console.log(name, state, leases.map(({ program }) => program))
 * // Processes of this name end now; their sessions go on with others.
 * console.log(await DaemonControl.operate("close", "fs"))
 * ```
 */
import type { CallRecord } from "@holdfast/mcp/Explanation"
import * as fs from "node:fs"
import process from "node:process"
import { setTimeout } from "node:timers/promises"
import type { Answer, CallResult, Follow, History, Question, Questions, ResultOf } from "./ControlContract.ts"
import * as DaemonClient from "./DaemonClient.ts"
import * as DaemonLock from "./DaemonLock.ts"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"
import type { DaemonStatus, Explanation } from "./DaemonStatus.ts"
import type { TakenPlace } from "./internal/Instances.ts"
import { isNewer } from "./internal/ownVersion.ts"

/** What the daemon holds. Rejects with `DaemonRefusal`, code `NotRunning`, when there is none: none is started for this. */
export const status = async (place = DaemonPlace.open()): Promise<DaemonStatus> =>
  statusIn(await call(await reach(place), "status"))

/** What daemons still hold that have made way for a newer one. */
export const formerStatus = async (place = DaemonPlace.open()): Promise<ReadonlyArray<DaemonStatus>> => {
  const found = await Promise.all((await formers(place)).map((former) => call(former, "status").catch(ignore)))
  return found.filter((text) => text !== undefined).map(statusIn)
}

/** What keeps the processes of a server apart, by its name or the number of one of them. Rejects as `status` does. */
export const why = async (server: string, place = DaemonPlace.open()): Promise<Explanation> => {
  const explanation: unknown = JSON.parse(await call(await reach(place), "why", { server }))
  // As for `status`.
  return explanation as Explanation
}

/** The last tries of a server, by its name or the number of one of its processes. Rejects as `status` does. */
export const history = async (server: string, place = DaemonPlace.open()): Promise<History> => {
  const history: unknown = JSON.parse(await call(await reach(place), "history", { server }))
  // As for `status`.
  return history as History
}

/**
 * Why a call opened its process, reused one, waited or was repeated, and what became of it, by its id. Rejects with `DaemonRefusal`, code
 * `BadWish`, when the daemon does not know it, and as `status` does.
 */
export const callRecord = async (id: string, place = DaemonPlace.open()): Promise<CallRecord> => {
  const record: unknown = JSON.parse(await call(await reach(place), "call", { id }))
  // As for `status`.
  return record as CallRecord
}

/** Questions of servers that wait for an answer, those of daemons that have made way included. Rejects as `status` does. */
export const questions = async (place = DaemonPlace.open()): Promise<ReadonlyArray<Question>> => {
  const daemons = [await reach(place), ...await formers(place)]
  const texts = await Promise.all(daemons.map((daemon, index) => {
    const asked = call(daemon, "questions")
    return index === 0 ? asked : asked.catch(ignore)
  }))
  // As for `status`.
  const found = texts.flatMap((text) => text === undefined ? [] : (JSON.parse(text) as Questions).questions)
  return found.toSorted((a, b) => a.at - b.at)
}

/**
 * Answers a question: the call that waits for it goes on. Rejects with `DaemonRefusal`, code `BadWish`, when no daemon has it or it does not fit,
 * and as `status` does.
 */
export const answer = (given: Answer, place = DaemonPlace.open()): Promise<CallResult> =>
  ofCall("answer", given.id, given, place)

/** What has become of a parked call, by its id or that of one of its questions. Rejects as `answer` does. */
export const result = (wanted: ResultOf, place = DaemonPlace.open()): Promise<CallResult> =>
  ofCall("result", wanted.id, wanted, place)

/** It may be that of a daemon which has made way. */
const ofCall = async (
  name: "answer" | "result",
  id: string,
  given: object,
  place: DaemonPlace.DaemonPlace
): Promise<CallResult> => {
  const current = await reach(place)
  const owner = (await formerWith(id, place)) ?? current
  if (owner !== current) current.socket.destroy()
  const result: unknown = JSON.parse(await call(owner, name, given, longPatienceMillis))
  // As for `status`.
  return result as CallResult
}

/** The daemon that has made way and has this call. */
const formerWith = async (
  id: string,
  place: DaemonPlace.DaemonPlace
): Promise<DaemonClient.DaemonConnection | undefined> => {
  for (const former of await formers(place)) {
    const known = await call(former, "result", { id }).catch(ignore)
    if (known !== undefined) return reach({ ...place, socket: DaemonPlace.formerSocket(place, former.daemon.pid) })
  }
  return undefined
}

/** What `follow` yields. `text`: a line of the daemon's log, or an `Event` or a `LogLine` as JSON. */
export interface Followed {
  readonly seq: number
  readonly text: string
}

/**
 * Events or lines of a log as they come, until the daemon ends, the generator is left, or the signal says so. Rejects as `status` does. `after`
 * is for one daemon: the next one counts from 1.
 */
export async function* follow(
  what: Follow,
  { place = DaemonPlace.open(), signal }: { readonly place?: DaemonPlace.DaemonPlace; readonly signal?: AbortSignal } =
    {}
): AsyncGenerator<Followed, void, undefined> {
  const { socket } = await reach(place)
  const end = (): void => void socket.destroy()
  signal?.addEventListener("abort", end)
  try {
    if (signal?.aborted === true) return
    socket.write(requestLine("follow", what, { progressToken: 1 }))
    let rest = ""
    for await (const chunk of socket.setEncoding("utf8")) {
      const lines = (rest + String(chunk)).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) {
        const { params, result }: Told = JSON.parse(line)
        // An answer is why there is nothing to follow.
        if (result !== undefined) {
          throw new DaemonRefusal("BadWish", result.content?.[0]?.text ?? "it cannot be followed")
        }
        if (params?.message !== undefined) yield { seq: params.progress ?? 0, text: params.message }
      }
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
  } finally {
    signal?.removeEventListener("abort", end)
    socket.destroy()
  }
}

/** A line of the daemon to a client that follows. */
interface Told {
  readonly params?: { readonly progress?: number; readonly message?: string }
  readonly result?: { readonly content?: ReadonlyArray<{ readonly text?: string }> }
}

/** What can be done to servers: see `ServerPool.operate`. */
export type Operation = "reset" | "drain" | "close"

/**
 * Does something to the servers of a name, or to the one of a process. Resolves with a sentence. Rejects with `DaemonRefusal`, code
 * `BadWish`, when the daemon has no such server, and as `status` does.
 */
export const operate = async (operation: Operation, server: string, place = DaemonPlace.open()): Promise<string> =>
  call(await reach(place), operation, { server })

/** How long a daemon may take for an answer, and its servers to end. */
const patienceMillis = 60_000

/** The same for the result of a call, for which it waits. */
const longPatienceMillis = 24 * 3_600_000

/**
 * Ends the daemon and those that have made way for it, and resolves when their processes have ended and all that they held. Rejects as `status` does
 * when there is none at all.
 */
export const stop = async (place = DaemonPlace.open()): Promise<void> => {
  const [current, left] = await Promise.all([reach(place).catch(asRefusal), formers(place)])
  if (current instanceof DaemonRefusal && (current.code !== "NotRunning" || left.length === 0)) throw current
  const all = [...(current instanceof DaemonRefusal ? [] : [current]), ...left]
  // One that has ended by itself in the meantime is no fault.
  await Promise.all(all.map((each) => each === current ? call(each, "stop") : call(each, "stop").catch(ignore)))
  const until = performance.now() + patienceMillis
  const hasEnded = (): boolean => {
    if (all.some(({ daemon }) => isAlive(daemon.pid))) return false
    using lock = DaemonLock.tryTake(place.lock)
    return lock !== undefined
  }
  while (performance.now() < until) {
    if (hasEnded()) return
    await setTimeout(20)
  }
  throw new DaemonRefusal("NotStarted", `the daemon has not ended yet; its log is ${place.log}`)
}

/** A daemon that has made way. */
export interface Former {
  /** Instances that its hosts have. */
  readonly taken: ReadonlyArray<TakenPlace>
  /** Those that they have once they have fewer than so many. None: it may have ended, too. */
  readonly fewer: (than: number) => Promise<ReadonlyArray<TakenPlace>>
}

/**
 * For a daemon of this version that has found the lock taken: asks the one that listens to make way, if that is older. `it has left`, too,
 * if none listens any more.
 */
export const replace = async (
  version: string,
  place: DaemonPlace.DaemonPlace
): Promise<"it stays" | "it has left" | Former> => {
  try {
    const current = await reach(place)
    const { daemon, socket } = current
    if (!isNewer(version, daemon.version)) {
      socket.destroy()
      return "it stays"
    }
    const known = (taken: ReadonlyArray<TakenPlace>): ReadonlyArray<TakenPlace> => {
      // There is nothing more to hear of it.
      if (taken.length === 0) socket.destroy()
      return taken
    }
    return {
      taken: known(takenIn(await ask(current, "make_way", { version }))),
      fewer: (than) => ask(current, "await_fewer", { than }).then(takenIn, () => []).then(known)
    }
  } catch (error) {
    return error instanceof DaemonRefusal && error.code === "NotRunning" ? "it has left" : "it stays"
  }
}

const takenIn = (text: string): ReadonlyArray<TakenPlace> => {
  const { taken }: { readonly taken?: ReadonlyArray<TakenPlace> } = JSON.parse(text)
  return taken ?? []
}

const reach = (place: DaemonPlace.DaemonPlace): Promise<DaemonClient.DaemonConnection> =>
  DaemonClient.connect({ place, wants: { daemon: true }, program: "holdfast", start: false })

const formers = async (place: DaemonPlace.DaemonPlace): Promise<ReadonlyArray<DaemonClient.DaemonConnection>> => {
  const found = await Promise.all(
    DaemonPlace.formerSockets(place).map(async (socket) => {
      try {
        return await reach({ ...place, socket })
      } catch (error) {
        // It was killed, or has just ended. One that does not answer may do so later.
        if (error instanceof DaemonRefusal && error.code === "NotRunning") fs.rmSync(socket, { force: true })
        return undefined
      }
    })
  )
  return found.filter((each) => each !== undefined)
}

/** Asks one thing. A daemon that is stopped, or hangs, does not hold up the caller. */
const call = async (
  connection: DaemonClient.DaemonConnection,
  name: string,
  given?: object,
  millis = patienceMillis
): Promise<string> => {
  const { daemon: { pid }, socket } = connection
  const silent = new DaemonRefusal("NotStarted", `the daemon (process ${pid}) has not answered; is it stopped?`)
  const signal = AbortSignal.timeout(millis)
  signal.addEventListener("abort", () => socket.destroy(silent))
  try {
    return await ask(connection, name, given)
  } finally {
    socket.destroy()
  }
}

const ask = async (
  { socket }: DaemonClient.DaemonConnection,
  name: string,
  given: object = {}
): Promise<string> => {
  socket.write(requestLine(name, given))
  let said = ""
  for await (const text of socket.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    said += String(text)
    if (said.includes("\n")) break
  }
  const answer = answerIn(said)
  if (answer === undefined) {
    throw new DaemonRefusal("NotAdmitted", `the daemon's answer is not understood: ${said.slice(0, 200)}`)
  }
  if (answer.isError) throw new DaemonRefusal("BadWish", answer.text)
  return answer.text
}

const requestLine = (name: string, given: object, said: object = {}): string => {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "holdfast", version: "0" },
    "io.modelcontextprotocol/clientCapabilities": {},
    ...said
  }
  const params = { name, arguments: given, _meta: meta }
  return `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params })}\n`
}

const answerIn = (line: string): { readonly text: string; readonly isError: boolean } | undefined => {
  try {
    const { result }: {
      readonly result?: { readonly isError?: unknown; readonly content?: ReadonlyArray<{ readonly text?: unknown }> }
    } = JSON.parse(line)
    const text = result?.content?.[0]?.text
    return typeof text === "string" ? { text, isError: result?.isError === true } : undefined
  } catch {
    // Cut off: the daemon has ended in the middle of it.
    return undefined
  }
}

const statusIn = (text: string): DaemonStatus => {
  const status: unknown = JSON.parse(text)
  // The daemon wrote it with this very type; a newer one only adds to it.
  return status as DaemonStatus
}

/** One that has ended and that its parent has not asked about yet is none. */
const isAlive = (pid: number): boolean => {
  try {
    if (fs.existsSync("/proc/self/stat")) return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
    return process.kill(pid, 0)
  } catch {
    // There is no such process.
    return false
  }
}

const asRefusal = (error: unknown): DaemonRefusal => {
  if (error instanceof DaemonRefusal) return error
  throw error
}

const ignore = (): undefined => undefined
