/**
 * A server that answers as a recording did.
 *
 * A request is matched by its method and its parameters, whatever its id. Equal requests get the recorded outcomes in the order of the recording; once
 * all of them are used, the last one is repeated. The first connection is the first of the recording, and so on; once all of them were opened, the
 * last one is opened again. What ended a connection ends it here: after the same message of the client.
 *
 * What was not recorded is refused, with a sentence that names the nearest recorded request. Two things need no recording: a `ping`, and
 * the question of the era, which is answered by what the recorded server spoke.
 *
 * **Gotchas**: headers and credentials are not recorded, so that nothing can be said of them. A server that answers differently because of what it was told
 * before answers in the recorded order, whatever it is told.
 *
 * @example
 * ```ts
 * import * as Recording from "@holdfast/mcp/Recording"
 * import * as Replay from "@holdfast/mcp/Replay"
 * import * as Effect from "effect/Effect"
 *
 * export const misses = (peer: Replay.ReplayPeer) => Effect.gen(function*() {
 *   const missed: Array<string> = []
 *   const replay = yield* Replay.make(yield* Recording.load("failure.ndjson"), { onMiss: (sentence) => missed.push(sentence) })
 *   yield* replay.serve(peer)
 *   return missed
 * })
 * ```
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Fault } from "./Fault.ts"
import { ownId } from "./internal/link/answeredBy.ts"
import type { MemoryPeer } from "./internal/memory/memoryLink.ts"
import { Faults } from "./internal/replay/Faults.ts"
import * as Matching from "./internal/replay/matching.ts"
import * as Script from "./internal/replay/Script.ts"
import type { ConnectReason } from "./McpRuntimeError.ts"
import { type Message, type Recording, RecordingInvalid } from "./Recording.ts"

/** The server's end of a connection, as far as a recorded server needs it. */
export interface ReplayPeer extends Pick<MemoryPeer, "end" | "exit" | "fail" | "misread" | "read" | "warn" | "write"> {}

/** How a recording is played. Nothing of it must be said. */
export interface ReplayOptions {
  /** Which server of the recording. Default: the only one. */
  readonly server?: string | undefined
  /**
   * `recorded`: what the server says takes as long as it took. `immediate`: each message comes as soon as what it waits for has happened.
   * Default: `recorded`.
   */
  readonly timing?: "recorded" | "immediate" | undefined
  /** What goes wrong besides. Default: nothing. */
  readonly faults?: ReadonlyArray<Fault> | undefined
  /** Told of each request that was not recorded, in the words of its refusal. */
  readonly onMiss?: ((sentence: string) => void) | undefined
}

/** A recorded server: what has been played of it is counted over all its connections. */
export interface Replay {
  /** The server's name in the recording. */
  readonly server: string
  readonly transport: "stdio" | "http" | "sse"
  /** Before a connection is opened: fails as the recorded one did. */
  readonly dial: Effect.Effect<void, ConnectReason>
  /** Serves the next connection, until it ends. */
  readonly serve: (peer: ReplayPeer) => Effect.Effect<void>
  /** Recorded requests that were not asked yet, in words. Not those of the handshake. */
  readonly unused: () => ReadonlyArray<string>
}

/** Prepares a recording to be played. Fails with `RecordingInvalid` where there is nothing to play, or only heads. */
export const make = (
  recording: Recording,
  options: ReplayOptions = {}
): Effect.Effect<Replay, RecordingInvalid> =>
  Effect.map(
    Effect.try({
      try: () => Script.make(recording, options.server),
      catch: (error) => error instanceof RecordingInvalid ? error : new RecordingInvalid({ problem: String(error) })
    }),
    (script) => {
      const player = new Player(script, options)
      return {
        server: script.server,
        transport: script.connections[0]?.transport ?? "stdio",
        dial: player.dial,
        serve: player.serve,
        unused: player.unused
      }
    }
  )

class Player {
  readonly #script: Script.Script
  readonly #isImmediate: boolean
  readonly #faults: Faults
  readonly #onMiss: (sentence: string) => void
  readonly #requests: ReadonlyArray<Script.Exchange>
  readonly #used = new Set<Script.Exchange>()
  #next = 0

  constructor(script: Script.Script, { faults = [], onMiss = () => {}, timing = "recorded" }: ReplayOptions) {
    this.#script = script
    this.#isImmediate = timing === "immediate"
    this.#faults = new Faults(faults)
    this.#onMiss = onMiss
    this.#requests = script.connections.flatMap(({ exchanges }) =>
      exchanges.filter(({ message }) => message.kind === "request")
    )
  }

  readonly dial: Effect.Effect<void, ConnectReason> = Effect.suspend(() => {
    const { unopened } = this.#connection()
    if (unopened === undefined) return Effect.void
    this.#next++
    return Effect.fail(unopened)
  })

  readonly serve = (peer: ReplayPeer): Effect.Effect<void> =>
    Effect.suspend(() => {
      const connection = this.#connection()
      this.#next++
      return this.#serve(connection, peer)
    })

  readonly unused = (): ReadonlyArray<string> =>
    this.#requests.filter((exchange) => !this.#used.has(exchange) && !isOfHandshake(exchange)).map(
      Matching.describeRecorded
    )

  /** Once all of them were opened, the last one that was open is opened again. */
  #connection(): Script.RecordedConnection {
    const { connections } = this.#script
    const next = connections[this.#next] ?? connections.findLast(({ unopened }) => unopened === undefined) ??
      connections.at(-1)
    return next ?? { transport: "stdio", unopened: undefined, opening: [], exchanges: [] }
  }

  #serve(connection: Script.RecordedConnection, peer: ReplayPeer): Effect.Effect<void> {
    const answered = new Map<JsonRpc.RequestId, Deferred.Deferred<void>>()
    const answerTo = (id: JsonRpc.RequestId): Deferred.Deferred<void> => {
      const known = answered.get(id) ?? Deferred.makeUnsafe<void>()
      answered.set(id, known)
      return known
    }
    const play = (steps: ReadonlyArray<Script.Step>, asked?: Asked) =>
      Effect.forEach(
        steps,
        ({ act, after, awaits }) =>
          Effect.forEach(awaits, (id) => Deferred.await(answerTo(id)), { discard: true }).pipe(
            Effect.andThen(this.#isImmediate || after === 0 ? Effect.void : Effect.sleep(after)),
            Effect.andThen(Effect.suspend(() => this.#act(peer, act, asked)))
          ),
        { discard: true }
      )
    return Effect.gen({ self: this }, function*() {
      yield* Effect.forkChild(play(connection.opening), { startImmediately: true })
      for (;;) {
        const frame = JsonRpc.decode(yield* peer.read)
        for (const message of frame._tag === "Batch" ? frame.frames : [frame]) {
          switch (message._tag) {
            case "Success":
            case "Failure":
              if (message.id !== null) Deferred.doneUnsafe(answerTo(message.id), Effect.void)
              break
            case "Notification": {
              const exchange = this.#take(
                connection,
                ({ message: { kind, method } }) => kind === "notification" && method === message.method
              )
              if (exchange !== undefined) yield* Effect.forkChild(play(exchange.steps), { startImmediately: true })
              break
            }
            case "Request": {
              const asked = { id: message.id, method: message.method, params: message.params }
              const exchange = this.#find(connection, asked)
              if (exchange === undefined) this.#unrecorded(peer, asked)
              else yield* Effect.forkChild(play(exchange.steps, { ...asked, exchange }), { startImmediately: true })
              break
            }
            case "Malformed":
              break
          }
        }
      }
    })
  }

  /** One of this connection first; then of any; then, again, the last one there was. */
  #find(connection: Script.RecordedConnection, asked: Matching.Asked): Script.Exchange | undefined {
    const isIt = (exchange: Script.Exchange) => exchange.message.kind === "request" && Matching.isMatch(exchange, asked)
    const own = this.#take(connection, isIt)
    if (own !== undefined) return own
    const elsewhere = this.#requests.find((exchange) => !this.#used.has(exchange) && isIt(exchange))
    if (elsewhere !== undefined) this.#used.add(elsewhere)
    return elsewhere ?? connection.exchanges.findLast(isIt) ?? this.#requests.findLast(isIt)
  }

  #take(
    { exchanges }: Script.RecordedConnection,
    isIt: (exchange: Script.Exchange) => boolean
  ): Script.Exchange | undefined {
    const found = exchanges.find((exchange) => !this.#used.has(exchange) && isIt(exchange))
    if (found !== undefined) this.#used.add(found)
    return found
  }

  #unrecorded(peer: ReplayPeer, asked: Matching.Asked & { readonly id: JsonRpc.RequestId }): void {
    const { id, method } = asked
    const isRecorded = (other: string): boolean => this.#requests.some(({ message }) => message.method === other)
    if (method === "ping") return peer.write(`${JsonRpc.encodeSuccess(id, {})}\n`)
    if (method === "server/discover" && isRecorded("initialize")) {
      return peer.write(
        `${JsonRpc.encodeFailure(id, { code: JsonRpc.errorCode.methodNotFound, message: "Method not found" })}\n`
      )
    }
    if (method === "initialize" && isRecorded("server/discover")) {
      const message = "Unsupported protocol version"
      const data = { supported: Revision.modern }
      return peer.write(`${JsonRpc.encodeFailure(id, { code: ModernEra.unsupportedProtocolVersion, message, data })}\n`)
    }
    const near = Matching.nearest(asked, this.#requests)
    const sentence = `the recording has no ${Matching.describe(asked)}` +
      (near === undefined
        ? "; it has no request at all"
        : `; the nearest is ${Matching.describeRecorded(near)} in line ${near.line}`)
    this.#onMiss(sentence)
    peer.write(`${JsonRpc.encodeFailure(id, { code: JsonRpc.errorCode.invalidParams, message: sentence })}\n`)
  }

  #act(peer: ReplayPeer, act: Script.Act, asked: Asked | undefined): Effect.Effect<void> {
    switch (act._tag) {
      case "Say": {
        const text = messageOf(act, asked)
        // The client of now does not ask to be told of progress.
        if (text === undefined) return Effect.void
        const isAnswer = act.message.kind === "answer" || act.message.kind === "error"
        const { bytes, delayMillis, exit } = this.#faults.spoil(text, isAnswer ? asked?.exchange : undefined)
        const write = Effect.sync(() => {
          if (bytes !== "") peer.write(bytes)
          if (exit !== undefined) peer.exit(exit)
        })
        return delayMillis === 0 ? write : Effect.delay(write, delayMillis)
      }
      case "Misread":
        return Effect.sync(() =>
          peer.misread(act.isOwn && asked !== undefined ? { ...act.frame, answerTo: asked.id } : act.frame)
        )
      case "Lose":
        return Effect.sync(() => {
          if (asked !== undefined) peer.fail(asked.id, act.failure)
        })
      case "Warn":
        return Effect.sync(() => peer.warn(act.text))
      case "Close":
        return Effect.sync(() => peer.end(act.closed))
    }
  }
}

/** A request of the client, and the recorded one that it is. */
interface Asked extends Matching.Asked {
  readonly id: JsonRpc.RequestId
  readonly exchange: Script.Exchange
}

const isOfHandshake = ({ message }: Script.Exchange): boolean =>
  message.method === "initialize" || message.method === "server/discover" || message.method === "ping"

/** The recorded message, with the ids and tokens of now. */
const messageOf = (
  { isOwn, message }: Extract<Script.Act, { readonly _tag: "Say" }>,
  asked: Asked | undefined
): object | undefined => {
  const { body, id, kind, method } = message
  switch (kind) {
    case "answer":
    case "error": {
      const own = isOwn && asked !== undefined ? sameKind(id, asked) : id
      return { jsonrpc: "2.0", id: own ?? null, [kind === "answer" ? "result" : "error"]: body }
    }
    case "request":
      return { jsonrpc: "2.0", id, method, params: body }
    case "notification": {
      if (!isOwn || asked === undefined) return { jsonrpc: "2.0", method, params: body }
      const params = Script.membersOf(body)
      const { _meta, progressToken } = params
      if (method === "notifications/progress") {
        const token = Script.progressTokenOf({ body: asked.params })
        return token === undefined ? undefined : {
          jsonrpc: "2.0",
          method,
          params: { ...params, progressToken: typeof progressToken === "string" ? String(token) : token }
        }
      }
      return {
        jsonrpc: "2.0",
        method,
        params: { ...params, _meta: { ...Script.membersOf(_meta), [ModernEra.metaKey.subscriptionId]: asked.id } }
      }
    }
    case "malformed":
      return undefined
  }
}

/** Some servers give an id back as a text although it was a number: so does this one. */
const sameKind = (recorded: Message["id"], { exchange, id }: Asked): JsonRpc.RequestId =>
  typeof recorded === "string" && typeof exchange.message.id === "number" && ownId(recorded) === exchange.message.id
    ? String(id)
    : id
