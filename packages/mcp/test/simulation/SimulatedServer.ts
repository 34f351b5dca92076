/**
 * A server that does everything wrong which a server can do wrong, as often as a plan says, and keeps honest books about it: what
 * it was told, what it really executed, how it ended.
 *
 * A call is known by the token in its arguments, which its answer echoes.
 */
import { type MemoryPeer, MemoryServer, type ScriptedServer } from "@holdfast/mcp/testing"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { SeededRandom } from "@holdfast/testkit"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { HandshakeFailed, Unreachable } from "../../src/McpRuntimeError.ts"
import type { Life } from "./Life.ts"
import * as SimulatedQuestions from "./SimulatedQuestions.ts"

/** Probabilities, but for the times. */
export interface Faults {
  /** A frame disappears on its way. */
  readonly loseRequest: number
  /** The work is done, the answer never comes. */
  readonly loseAnswer: number
  readonly dieBefore: number
  readonly dieAfter: number
  /** Dies in the middle of writing the answer. */
  readonly dieWithin: number
  /** Dies of nothing, after this long on average. */
  readonly meanLifeMillis: number
  /** Stops reading for a while, or for ever, before a frame. */
  readonly stall: number
  readonly deaf: number
  readonly answerTwice: number
  readonly foreignIds: number
  readonly malformed: number
  readonly error: number
  readonly noise: number
  /** Numbers that no program expects, in answers, progress and ids. */
  readonly oddNumbers: number
  /** Ids and tokens come back as texts. */
  readonly texts: number
  /** Talks all the while it does not read. */
  readonly chatter: number
  /** HTTP only: a status instead of an answer, before or after the work, or a session that is lost. */
  readonly reject: number
  readonly gateway: number
  readonly loseSession: number
  /** HTTP and modern only: a header is missing, it says. */
  readonly mismatch: number
  readonly failedDial: number
  readonly hangingDial: number
  readonly silentHandshake: number
  /** Longest dial, longest work, longest way back. */
  readonly slowDialMillis: number
  readonly workMillis: number
  readonly answerMillis: number
}

export interface ServerPlan {
  readonly name: string
  readonly era: "legacy" | "modern" | "both"
  readonly transport: "stdio" | "http"
  readonly capacity: number
  readonly faults: Faults
}

/** What a tool says of itself. */
export const tools = {
  write: {},
  read: { readOnlyHint: true },
  safe: { idempotentHint: true }
} as const

export type ToolName = keyof typeof tools

/** One connection, from the server's side. */
export interface Session {
  readonly server: string
  /** Which of the servers that bear this name in turn. */
  readonly instance: number
  readonly peer: MemoryPeer
  readonly openedAt: number
  /** It stopped reading for good. */
  isDeaf: boolean
  /** It ended by a fault of its own, at this time. */
  diedAt: number | undefined
  initialized: boolean
  /** Requests it read and did not answer, by id. */
  readonly unanswered: Map<JsonRpc.RequestId, string>
  /** Those among them that are not meant to be answered soon, with what they are to hear of. */
  readonly listeners: Map<JsonRpc.RequestId, ReadonlyArray<string>>
  /** What it was asked to tell of: by subscriptions, and by the requests that listen, or listened until it ended them. */
  readonly subscribed: Set<string>
  listened: ReadonlySet<string> | undefined
  readonly questions: SimulatedQuestions.Questions
}

/** Declined: by the user, when the server asked. */
export type Wrong = "malformed" | "error" | "gateway" | "rejected" | "refused" | "declined" | "mismatched"

export interface Books extends SimulatedQuestions.QuestionBooks {
  readonly now: () => number
  readonly opened: (session: Session) => void
  readonly called: (session: Session, era: "legacy" | "modern") => void
  /** It says something of its own accord, which is known by the number that is returned. */
  readonly told: (session: Session) => number
  /** It read a call with this token. */
  readonly read: (session: Session, token: string) => void
  readonly executed: (token: string) => void
  /** It has written the answer to this call, whatever that was. */
  readonly answered: (token: string) => void
  /** It broke a promise to this call, and to no other: whatever comes of it is explained. */
  readonly wronged: (token: string, how: Wrong) => void
  /** A frame came that could not be expected now. */
  readonly misled: (session: Session, what: string) => void
}

export const make = (
  plan: ServerPlan,
  instance: number,
  life: Life,
  random: SeededRandom.SeededRandom,
  books: Books
): Effect.Effect<ScriptedServer> => {
  const { capacity, faults, name, transport } = plan
  let connections = 0
  return MemoryServer.script((peer) => serve(plan, { instance, number: ++connections, life }, random, books, peer), {
    name,
    capacity,
    transport,
    onDial: Effect.fnUntraced(function*(server) {
      if (faults.slowDialMillis > 0) yield* Effect.sleep(random.int(0, faults.slowDialMillis))
      if (random.chance(faults.hangingDial)) return yield* Effect.never
      if (!random.chance(faults.failedDial)) return
      return yield* random.chance(0.8)
        ? new Unreachable({ server, url: name, description: "nobody listens" })
        : new HandshakeFailed({ server, description: "not the right one" })
    })
  })
}

interface Message {
  readonly id: JsonRpc.RequestId
  readonly method: string
  readonly params: {
    readonly name?: string
    readonly arguments?: { readonly token?: string }
    readonly uri?: string
    readonly notifications?: { readonly resourceSubscriptions?: ReadonlyArray<string> }
    readonly _meta?: Readonly<Record<string, unknown>>
  }
}

interface Connection {
  readonly instance: number
  readonly number: number
  readonly life: Life
}

const serve = Effect.fnUntraced(function*(
  { era, faults, name, transport }: ServerPlan,
  { instance, life, number }: Connection,
  random: SeededRandom.SeededRandom,
  books: Books,
  peer: MemoryPeer
): Effect.fn.Return<void> {
  const session: Session = {
    server: name,
    instance,
    peer,
    openedAt: books.now(),
    isDeaf: false,
    diedAt: undefined,
    initialized: false,
    unanswered: new Map(),
    listeners: new Map(),
    subscribed: new Set(),
    listened: undefined,
    questions: SimulatedQuestions.make(name, `${name}${instance}.${number}`, life, random, books, peer)
  }
  const running = new Map<JsonRpc.RequestId, Fiber.Fiber<void>>()
  books.opened(session)

  const die = (): void => {
    session.diedAt ??= books.now()
    peer.exit({ signal: "SIGKILL" })
  }
  // Over HTTP the cancellation may overtake what it cancels.
  const overtaken = new Set<JsonRpc.RequestId>()
  const listenAgain = (): void => void (session.listened = new Set([...session.listeners.values()].flat()))
  const cancel = (id: JsonRpc.RequestId): void => {
    if (session.listeners.delete(id) && session.listeners.size > 0) listenAgain()
    if (!session.unanswered.delete(id)) overtaken.add(id)
    const fiber = running.get(id)
    running.delete(id)
    // Some servers stop then, some do not care.
    if (random.chance(0.5)) fiber?.interruptUnsafe()
  }
  if (transport === "http") peer.onForgotten = cancel

  const answer = (id: JsonRpc.RequestId, token: string, result: object): void => {
    if (random.chance(faults.noise)) peer.write("Listening on nothing in particular\n{\"level\":\"info\"}\n")
    if (random.chance(faults.foreignIds)) {
      for (const foreign of [987_654_321, `no. ${id}`, "someone"]) {
        peer.send({ jsonrpc: "2.0", id: foreign, result: { content: [] } })
      }
      peer.send({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "parse error" } })
      peer.send({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: "someone", progress: 1 } })
    }
    if (random.chance(faults.dieWithin)) {
      peer.write(JSON.stringify({ jsonrpc: "2.0", id, result }).slice(0, -9))
      return die()
    }
    session.unanswered.delete(id)
    const said = random.chance(faults.texts) ? String(id) : id
    if (peer.isOpen()) books.answered(token)
    if (random.chance(faults.malformed)) {
      books.wronged(token, "malformed")
      return peer.send(
        random.chance(0.5)
          ? { jsonrpc: "2.0", id: said, error: ["no object"] }
          : { jsonrpc: "2.0", id: said, result: 5 }
      )
    }
    if (random.chance(faults.oddNumbers)) {
      peer.write(`{"jsonrpc":"2.0","id":${random.pick(["1e300", "-0", "1e999", "0.5"])},"result":{}}\n`)
      books.wronged(token, "error")
      const code = random.pick(["1e20", "-1e308", "9007199254740994", "1.5", "1e999", `"ENOENT"`])
      return peer.write(`{"jsonrpc":"2.0","id":${JSON.stringify(said)},"error":{"code":${code},"message":"no"}}\n`)
    }
    if (random.chance(faults.error)) {
      books.wronged(token, "error")
      const words = "it does not work"
      const error = random.pick<object | string>([{ code: -32000, message: words }, { message: words }, words])
      return peer.send({ jsonrpc: "2.0", id: said, error, ...(random.chance(0.2) && { result }) })
    }
    peer.send({ jsonrpc: "2.0", id: said, result })
    if (random.chance(faults.answerTwice)) peer.send({ jsonrpc: "2.0", id, result: { content: [], twice: true } })
  }

  /** Something with side effects, or a read: what is counted. */
  const work = Effect.fnUntraced(function*({ id, method, params }: Message, token: string, result: object) {
    const isModern = saysEra(params)
    const isAsking = life.ask > 0 && method === "tools/call"
    books.read(session, token)
    if (random.chance(faults.loseRequest)) return
    if (random.chance(faults.dieBefore)) return die()
    if (transport === "http" && random.chance(faults.reject)) {
      const isOdd = random.chance(faults.oddNumbers)
      const status = isOdd ? random.pick([1e20, -1, 429.5]) : random.pick([429, 503])
      const retryAfterMillis = isOdd ? random.pick([1e300, -1]) : random.chance(0.7) ? random.int(0, 1500) : undefined
      books.wronged(token, "rejected")
      session.unanswered.delete(id)
      return void peer.fail(id, { _tag: "Rejected", status, description: "too many", retryAfterMillis })
    }
    if (transport === "http" && random.chance(faults.loseSession)) {
      session.diedAt ??= books.now()
      books.wronged(token, "refused")
      peer.fail(id, { _tag: "Lost", delivery: "Refused", description: "no such session" })
      return peer.end({ _tag: "SessionLost", status: 404, description: "no such session" })
    }
    if (isAsking && !session.questions.onResponses(params) && random.chance(life.ask)) {
      if (isModern) {
        session.unanswered.delete(id)
        return peer.send({ jsonrpc: "2.0", id, result: session.questions.inResult(token) })
      }
      yield* session.questions.ask(token)
    }
    if (transport === "http" && isModern && method === "tools/call" && random.chance(faults.mismatch)) {
      books.wronged(token, "mismatched")
      session.unanswered.delete(id)
      return peer.send({ jsonrpc: "2.0", id, error: { code: -32020, message: "a header is missing" } })
    }
    const given = params._meta?.["progressToken"]
    const progressToken = given !== undefined && random.chance(faults.texts) ? String(given) : given
    const steps = random.int(0, 2)
    for (let step = 1; step <= steps; step++) {
      yield* Effect.sleep(random.int(0, faults.workMillis))
      if (progressToken === undefined) continue
      const progress = {
        progressToken,
        progress: random.chance(faults.oddNumbers) ? random.pick([1e308, -1, 0.1]) : step,
        message: token
      }
      peer.send({ jsonrpc: "2.0", method: "notifications/progress", params: progress })
    }
    books.executed(token)
    if (random.chance(faults.dieAfter)) return die()
    if (transport === "http" && random.chance(faults.gateway)) {
      books.wronged(token, "gateway")
      session.unanswered.delete(id)
      return void peer.fail(id, { _tag: "Lost", delivery: "Unknown", status: 502, description: "bad gateway" })
    }
    if (random.chance(faults.loseAnswer)) return
    if (faults.answerMillis > 0) yield* Effect.sleep(random.int(0, faults.answerMillis))
    answer(id, token, result)
  })

  const handle = (message: Message): Effect.Effect<void> => {
    const { id, method, params } = message
    const isModern = saysEra(params)
    const say = (result: object) =>
      Effect.sync(() => {
        if (session.listeners.delete(id) && session.listeners.size > 0) listenAgain()
        session.unanswered.delete(id)
        peer.send({ jsonrpc: "2.0", id, result })
      })
    const refuse = (code: number, data?: object) =>
      Effect.sync(() => {
        session.unanswered.delete(id)
        peer.send({ jsonrpc: "2.0", id, error: { code, message: `no ${method}`, ...(data && { data }) } })
      })
    switch (method) {
      case "initialize":
      case "server/discover": {
        // "The initialize request MUST NOT be cancelled": nobody will say so.
        if (method === "initialize") session.unanswered.delete(id)
        if (random.chance(faults.silentHandshake)) return Effect.void
        const isLegacy = method === "initialize"
        if (isLegacy && era === "modern") return refuse(-32022, { supported: ["2026-07-28"] })
        if (!isLegacy && era === "legacy") return refuse(-32601)
        const serverInfo = { name, version: "1" }
        const capabilities = { tools: { listChanged: true }, resources: { subscribe: life.watchers > 0 } }
        return Effect.andThen(
          Effect.sleep(random.int(0, faults.answerMillis)),
          say(
            isLegacy
              ? { protocolVersion: "2025-11-25", capabilities, serverInfo }
              : { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities }
          )
        )
      }
      case "ping":
        return random.chance(faults.loseAnswer) ? Effect.void : say({})
      case "subscriptions/listen": {
        session.unanswered.delete(id)
        session.listeners.set(id, params.notifications?.resourceSubscriptions ?? [])
        listenAgain()
        // Some never say so.
        if (random.chance(0.7)) {
          const _meta = { "io.modelcontextprotocol/subscriptionId": id }
          const acknowledged = { notifications: params.notifications, _meta }
          peer.send({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params: acknowledged })
        }
        // Some servers end it soon, some never.
        return random.chance(0.3) ? Effect.andThen(Effect.sleep(random.int(0, 20_000)), say({})) : Effect.void
      }
      case "resources/subscribe":
      case "resources/unsubscribe":
        if (!session.initialized || isModern) books.misled(session, `${method} where it does not belong`)
        if (method === "resources/subscribe") session.subscribed.add(String(params.uri))
        else session.subscribed.delete(String(params.uri))
        return say({})
      case "tools/list":
        return Effect.andThen(
          Effect.sleep(random.int(0, faults.answerMillis)),
          say({
            tools: Object.entries(tools).map(([tool, annotations]) => ({
              name: tool,
              inputSchema: { type: "object", properties: { token: { type: "string", "x-mcp-header": "Token" } } },
              annotations
            }))
          })
        )
      case "tools/call":
      case "resources/read": {
        if (!isModern && !session.initialized) books.misled(session, `${method} before the handshake was finished`)
        if (isModern && era === "legacy") books.misled(session, `${method} in the modern way`)
        if (!isModern && era === "modern") books.misled(session, `${method} in the legacy way`)
        books.called(session, isModern ? "modern" : "legacy")
        const token = params.arguments?.token ?? params.uri?.slice(2) ?? "?"
        const result = method === "tools/call"
          ? { content: [{ type: "text", text: token }] }
          : { contents: [{ uri: params.uri, text: token }] }
        return work(message, token, result)
      }
      default:
        return refuse(-32601)
    }
  }

  if (Number.isFinite(faults.meanLifeMillis)) {
    const life = -Math.log(1 - random.next()) * faults.meanLifeMillis
    yield* Effect.forkChild(Effect.andThen(Effect.sleep(Math.ceil(life)), Effect.sync(die)))
  }
  if (Number.isFinite(life.newsMillis)) {
    const tell = (uri: string): void => {
      if (!peer.isOpen()) return
      const params = { uri, serial: books.told(session) }
      peer.send({ jsonrpc: "2.0", method: "notifications/resources/updated", params })
    }
    const news = Effect.andThen(
      Effect.suspend(() => Effect.sleep(random.int(1, life.newsMillis * 2))),
      Effect.sync(() => {
        for (const uri of session.subscribed) tell(uri)
        if (session.listeners.size > 0) { for (const uri of session.listened ?? []) tell(uri) }
      })
    )
    yield* Effect.forkChild(Effect.forever(news))
  }
  const talk = Effect.repeat(
    Effect.andThen(
      Effect.sleep(random.int(50, 200)),
      Effect.sync(() => peer.send({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info" } }))
    ),
    // Not for ever: a world has only so many steps.
    { times: 40 }
  )
  for (;;) {
    if (random.chance(faults.deaf)) {
      session.isDeaf = true
      if (random.chance(faults.chatter)) yield* talk
      return yield* Effect.never
    }
    if (random.chance(faults.stall)) {
      const pause = Effect.sleep(random.int(0, 3000))
      yield* random.chance(faults.chatter) ? Effect.raceFirst(pause, Effect.andThen(talk, Effect.never)) : pause
    }
    const frame = JsonRpc.decode(yield* peer.read)
    if (frame._tag === "Notification") {
      if (frame.method === "notifications/initialized") session.initialized = true
      if (frame.method === "notifications/cancelled") cancel(requestIdOf(frame.params))
      continue
    }
    if (frame._tag === "Success" || frame._tag === "Failure") {
      session.questions.onAnswer(frame)
      continue
    }
    if (frame._tag !== "Request") {
      books.misled(session, `a frame that is ${frame._tag}`)
      continue
    }
    // The client is ours: what it sends as params, if anything, is what MCP says.
    const message = { ...frame, params: frame.params ?? {} } as Message
    if (!overtaken.delete(frame.id)) session.unanswered.set(frame.id, frame.method)
    const fiber = yield* Effect.forkChild(Effect.ensuring(
      handle(message),
      Effect.sync(() => running.delete(frame.id))
    ))
    if (fiber.pollUnsafe() === undefined) running.set(frame.id, fiber)
  }
})

const saysEra = ({ _meta }: Message["params"]): boolean =>
  _meta?.["io.modelcontextprotocol/protocolVersion"] !== undefined

const requestIdOf = (params: unknown): JsonRpc.RequestId =>
  typeof params === "object" && params !== null && "requestId" in params && JsonRpc.isRequestId(params.requestId)
    ? params.requestId
    : ""
