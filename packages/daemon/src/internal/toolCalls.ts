/**
 * Calls in the words of a command line (`CallRequest`), carried out by the daemon itself; and the list of what can be called (`ToolsRequest`).
 *
 * Promises
 * - A call is sent to the server once, or not at all. One that is lost is answered by an error that says which (`DeliveryError`).
 * - What a server answers reaches the client as it was written; so do its progress and its questions.
 * - A client that leaves takes its call back.
 * - The list that arguments are read by is the server's: of one that says how long it is fresh, as long as that; of one that tells of
 *   changes, the last; of any other, one of the last seconds. After
 *   an answer that is an error it is asked for again.
 */
import { metaKey } from "@holdfast/protocol/MetaKey"
import { missingClientCapability } from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as CallableTools from "../CallableTools.ts"
import * as CallRequest from "../CallRequest.ts"
import type { SessionStatus } from "../DaemonStatus.ts"
import { errorCode, inDoubt } from "../DeliveryError.ts"
import type { Loss, Memory, Observer } from "../HostSession.ts"
import type { PooledServer } from "../PooledServer.ts"
import * as RawMessage from "../RawMessage.ts"
import * as ServerLists from "../ServerLists.ts"
import type { ServerPool } from "../ServerPool.ts"
import * as ServerTarget from "../ServerTarget.ts"
import * as ToolsRequest from "../ToolsRequest.ts"
import { borrow, type BorrowError, isRefusedByEra, toLoss } from "./borrow.ts"
import { isNewer } from "./ownVersion.ts"

export interface ToolCallsOptions {
  readonly pool: ServerPool
  /** That of this daemon. */
  readonly version: string
  /** It makes way for a newer client. */
  readonly makesWay: boolean
}

export interface Caller {
  readonly wanted: ServerTarget.WantedServer
  readonly who: SessionStatus
  readonly observer: Observer
  /** Gives the client a line, without its end. */
  readonly toClient: (text: string) => void
  /** Told each list that is read. */
  readonly learn: Memory["learn"]
  /** There was no server, which the client's next question is not to try again. */
  readonly onUnopened: (loss: Loss) => void
}

/** A call that was begun. */
export interface ToolCall {
  /** A line that the client says later. False: it is not about this call. */
  readonly hears: (line: string) => boolean
  /** Answers it, once. */
  readonly run: Effect.Effect<void>
}

export interface ToolCalls {
  readonly begin: (request: RawMessage.RawMessage, caller: Caller) => ToolCall
}

/** The request in a line, if it is one. Only a first line is looked at. */
export const requestIn = (line: string): RawMessage.RawMessage | undefined => {
  if (!line.includes(CallRequest.method) && !line.includes(ToolsRequest.method)) return undefined
  const messages = RawMessage.read(line)
  const [only, ...more] = typeof messages === "string" ? [] : messages
  const isOurs = only?.method === CallRequest.method || only?.method === ToolsRequest.method
  return only?.kind === "request" && isOurs && more.length === 0 ? only : undefined
}

/** How long a server may be silent on the modern question before it is asked the legacy one, as `@holdfast/mcp` has it. */
const silence = Duration.seconds(2)

/** How old a list may be of a server that does not tell of changes. Nanoseconds. */
const oldest = 10_000_000_000n

/** So many servers are known to be of the legacy era. A forgotten one costs one question. */
const mostLegacy = 1000

/** The tools of a server, as it has listed them, and its answer. Undefined: something about them is odd. */
interface Listed {
  readonly tools: ReadonlyMap<string, CallableTools.ReadArguments> | undefined
  readonly answer: RawMessage.RawMessage | undefined
  readonly changes: number
  readonly until: bigint | undefined
}

export const make = (options: ToolCallsOptions): ToolCalls => {
  const { makesWay, pool, version } = options
  const lists = new WeakMap<PooledServer, Listed>()
  const legacy = new Set<string>()

  const lease = (
    { wanted, who }: Caller,
    client: CallRequest.CallRequest["client"]
  ): Effect.Effect<PooledServer, BorrowError, Scope.Scope> => {
    const modern = ServerTarget.make(wanted, undefined)
    const old = Effect.suspend(() =>
      borrow(pool, ServerTarget.make(wanted, initializeFor(client)), { program: who.program, isFresh: false })
    )
    if (legacy.has(modern.process)) {
      return Effect.catchIf(old, isRefusedByEra, (error) => {
        legacy.delete(modern.process)
        return Effect.fail(error)
      })
    }
    const known = Effect.tap(old, () =>
      Effect.sync(() => {
        if (legacy.size >= mostLegacy) legacy.clear()
        legacy.add(modern.process)
      }))
    const asked = borrow(pool, modern, { program: who.program, isFresh: false }).pipe(
      Effect.timeoutOrElse({ duration: silence, orElse: () => known }),
      Effect.catchIf(isRefusedByEra, () => known)
    )
    // No second process is started only to learn what a server speaks.
    return pool.isSharedByLegacy(modern) ? Effect.catchIf(old, isRefusedByEra, () => asked) : asked
  }

  const toolsOf = Effect.fnUntraced(function*(
    server: PooledServer,
    { ask }: Attached,
    meta: string,
    { learn }: Caller
  ): Effect.fn.Return<Listed, Lost> {
    const clock = yield* Clock.Clock
    const now = clock.monotonicTimeNanosUnsafe()
    const found = lists.get(server)
    const changes = server.mux.toolChanges
    if (found !== undefined && found.changes === changes && (found.until ?? now) >= now) return found
    const { greeting } = server
    const params = meta === "" ? "{}" : `{"_meta":{${meta}}}`
    const discovery = greeting ?? (yield* ask(RawMessage.request("\"holdfast-discover\"", "server/discover", params)))
    const { result } = discovery.value
    const isPlain = greeting === undefined
      ? CallableTools.isPlainDiscovery(result)
      : CallableTools.isPlainGreeting(result)
    const request = RawMessage.request("\"holdfast-list\"", "tools/list", params)
    const list = isPlain ? yield* ask(request) : undefined
    if (list !== undefined) learn(request, list, server.target.initialize)
    const tools = list && CallableTools.ofList(list.value["result"])
    const ttl = list === undefined ? 0 : ServerLists.ttlOf(list)
    const until = ttl > 0
      ? now + BigInt(Math.min(Math.ceil(ttl * 1e6), Number.MAX_SAFE_INTEGER))
      : greeting && tellsChanges(result)
      ? undefined
      : now + oldest
    const listed: Listed = { tools, answer: tools && list, changes, until }
    lists.set(server, listed)
    return listed
  })

  /** Succeeds with the line of the answer. */
  const carryOut = Effect.fnUntraced(
    function*(call: Call, caller: Caller): Effect.fn.Return<string, Lost, Scope.Scope> {
      const { id, progressToken, request: { client, tool } } = call
      const clock = yield* Clock.Clock
      const begunAt = clock.monotonicTimeNanosUnsafe()
      const leased = yield* Effect.result(lease(caller, client))
      if (Result.isFailure(leased)) {
        const loss = toLoss(leased.failure)
        caller.onUnopened(loss)
        return lostBeforeIt(id, loss)
      }
      const server = leased.success
      const meta = metaFor(server, client)
      const given = { pid: server.pid, isNew: server.isUnused(), at: clock.monotonicTimeNanosUnsafe() }
      const attached = yield* attach(server, caller)
      const { tools } = yield* toolsOf(server, attached, meta, caller)
      const values = tools?.get(tool)?.(call.request)
      if (values === undefined) return untaken(call.message)
      const members = [
        ...meta === "" ? [] : [meta],
        ...progressToken === undefined ? [] : [`"progressToken":${progressToken}`]
      ]
      const _meta = members.length === 0 ? "" : `,"_meta":{${members.join(",")}}`
      const message = RawMessage.request(
        id,
        "tools/call",
        `{"name":${JSON.stringify(tool)},"arguments":${values}${_meta}}`
      )
      const { asked, over, sent } = caller.observer
      call.attached = attached
      asked(message, { begunAt })
      sent(message, given)
      const answer = yield* attached.ask(message).pipe(
        Effect.tapError(({ delivery }) => Effect.sync(() => over(message, delivery))),
        Effect.onInterrupt(() => Effect.sync(() => over(message, call.isCancelled ? "cancelled" : "left")))
      )
      over(message, { answer })
      // It runs as a task of its server, and this asks for none. Nothing has happened.
      if (RawMessage.membersOf(answer.value["error"])["code"] === missingClientCapability) return untaken(call.message)
      // It may have been the list that was wrong.
      const { result } = answer.value
      if (result === undefined || RawMessage.membersOf(result)["isError"] === true) lists.delete(server)
      return answer.text
    }
  )

  /** Succeeds with the line of the answer. Nothing is started, and what is lost is asked for in another way. */
  const list = (
    message: RawMessage.RawMessage,
    client: CallRequest.CallRequest["client"],
    caller: Caller
  ): Effect.Effect<string, Lost | BorrowError, Scope.Scope> =>
    Effect.gen(function*() {
      const { wanted, who } = caller
      const target = [undefined, initializeFor(client)]
        .map((initialize) => ServerTarget.make(wanted, initialize))
        .find(pool.isReady)
      if (target === undefined) return untaken(message)
      const server = yield* borrow(pool, target, { program: who.program, isFresh: false })
      const attached = yield* attach(server, caller)
      const { answer } = yield* toolsOf(server, attached, metaFor(server, client), caller)
      return answer === undefined
        ? untaken(message)
        : RawMessage.replaced(answer, [[RawMessage.paths.id, message.id]]).text
    })

  return {
    begin: (message, caller) => {
      const { id = "null" } = message
      const params = RawMessage.paramsOf(message)
      const client = CallRequest.clientIn(params)
      const { instances, isShared, policy } = caller.wanted
      const isTaken = client !== undefined && isShared && policy.reuse && instances === undefined &&
        !(makesWay && isNewer(client.version, version))
      if (isTaken && message.method === ToolsRequest.method) {
        const listed = list(message, client, caller).pipe(
          Effect.scoped,
          Effect.orElseSucceed(() => untaken(message))
        )
        return { hears: () => false, run: Effect.map(listed, caller.toClient) }
      }
      const request = CallRequest.decode(params)
      if (!isTaken || request === undefined) {
        return { hears: () => false, run: Effect.sync(() => caller.toClient(untaken(message))) }
      }
      const cancelled = Deferred.makeUnsafe<void>()
      const call: Call = {
        message,
        id,
        request,
        progressToken: RawMessage.textAt(message, RawMessage.paths.progressToken),
        isCancelled: false,
        attached: undefined
      }
      const answered = carryOut(call, caller).pipe(
        Effect.scoped,
        Effect.catch((lost) => Effect.succeed(lostWithIt(id, lost))),
        Effect.map(caller.toClient)
      )
      return {
        hears: (line) => {
          const messages = RawMessage.read(line)
          const [said, ...more] = typeof messages === "string" ? [] : messages
          if (said === undefined || more.length > 0) return false
          if (said.kind === "response") {
            if (call.attached?.answers(said) !== true) return false
            call.attached.tell(said)
            return true
          }
          if (said.method !== "notifications/cancelled") return false
          const cancelledId = RawMessage.textAt(said, RawMessage.paths.cancelled)
          if (cancelledId === undefined || RawMessage.keyOf(cancelledId) !== RawMessage.keyOf(id)) return false
          call.isCancelled = true
          call.attached?.tell(said)
          Deferred.doneUnsafe(cancelled, Effect.void)
          return true
        },
        run: Effect.raceFirst(answered, Deferred.await(cancelled))
      }
    }
  }
}

interface Call {
  readonly message: RawMessage.RawMessage
  /** As it is written. */
  readonly id: string
  readonly request: CallRequest.CallRequest
  readonly progressToken: string | undefined
  isCancelled: boolean
  /** Undefined: the server has not been called. */
  attached: Attached | undefined
}

/** The server was lost, and may have seen what it was asked. */
interface Lost {
  readonly loss: Loss
  readonly delivery: "NotSent" | "Unknown"
}

interface Attached {
  readonly ask: (request: RawMessage.RawMessage) => Effect.Effect<RawMessage.RawMessage, Lost>
  readonly tell: (message: RawMessage.RawMessage) => void
  /** Whether it is the answer to a question of the server, which is to be told. */
  readonly answers: (message: RawMessage.RawMessage) => boolean
}

/** A session with the server, until the Scope closes: what is unanswered then is taken back. */
const attach = (server: PooledServer, { toClient, who }: Caller): Effect.Effect<Attached, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const waiting = new Map<string, Asker>()
        const asked = new Set<string>()
        const port = server.mux.attach((message) => {
          const key = message.kind === "response" && message.id !== undefined ? RawMessage.keyOf(message.id) : ""
          const asker = waiting.get(key)
          waiting.delete(key)
          if (asker !== undefined) return asker.answered(message)
          if (message.kind === "response") return
          if (message.kind === "request" && message.id !== undefined) asked.add(RawMessage.keyOf(message.id))
          toClient(message.text)
        }, true)
        const onLost = (loss: Loss): void => {
          for (const { lost } of [...waiting.values()]) lost(loss)
        }
        server.losses.add(onLost)
        // The client may hold it by another session, too.
        const holder = { ...who }
        server.hold(holder)
        const close = (): void => {
          server.losses.delete(onLost)
          server.leave(holder)
          port.close()
        }
        return { asked, close, port, waiting }
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ asked, port, waiting }) => ({
      tell: (message) => port.send(message, ignore),
      answers: (message) => message.id !== undefined && asked.delete(RawMessage.keyOf(message.id)),
      ask: (request) =>
        Effect.callback<RawMessage.RawMessage, Lost>((resume) => {
          let delivery: Lost["delivery"] = "NotSent"
          const lost = (loss: Loss): void => resume(Effect.fail({ loss, delivery }))
          const before = server.lost()
          if (before !== undefined) return lost(before)
          waiting.set(RawMessage.keyOf(request.id ?? ""), {
            answered: (answer) => resume(Effect.succeed(answer)),
            lost
          })
          port.send(request, () => {
            delivery = "Unknown"
          })
        })
    })
  )

interface Asker {
  readonly answered: (answer: RawMessage.RawMessage) => void
  readonly lost: (loss: Loss) => void
}

const ignore = (): void => {}

/** Whether the server says that it tells of changes. */
const tellsChanges = (greeting: unknown): boolean => {
  const { tools } = RawMessage.membersOf(RawMessage.membersOf(greeting)["capabilities"])
  return RawMessage.membersOf(tools)["listChanged"] === true
}

/** A question of the server is the client's to answer. */
const capabilities = { elicitation: { form: {}, url: {} } }

/** As the command line's own client says it, so that both have one process. */
const initializeFor = (clientInfo: CallRequest.CallRequest["client"]): RawMessage.RawMessage =>
  RawMessage.request(
    "0",
    "initialize",
    JSON.stringify({ protocolVersion: Revision.latestLegacy, capabilities, clientInfo })
  )

/** What each request says in the era of the server, as members. */
const metaFor = ({ greeting }: PooledServer, client: CallRequest.CallRequest["client"]): string =>
  greeting !== undefined ? "" : JSON.stringify({
    [metaKey.protocolVersion]: Revision.latestModern,
    [metaKey.clientInfo]: client,
    [metaKey.clientCapabilities]: capabilities
  }).slice(1, -1)

const failed = (id: string, code: number, message: string, data: object): string =>
  `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message, data })}}`

/** The answer to a call that is not carried out. */
export const untaken = ({ id = "null" }: RawMessage.RawMessage): string =>
  failed(id, errorCode.notExecuted, "the request is not of the usual kind", {
    reason: CallRequest.notTaken,
    delivery: "NotSent"
  })

const lostBeforeIt = (id: string, { message, reason }: Loss): string =>
  failed(id, errorCode.notExecuted, message, { reason, delivery: "NotSent", of: CallRequest.ofOpening })

const lostWithIt = (id: string, { delivery, loss: { message, reason } }: Lost): string =>
  delivery === "Unknown"
    ? failed(id, errorCode.outcomeUnknown, inDoubt(message), { reason: "OutcomeUnknown", delivery })
    : failed(id, errorCode.notExecuted, message, { reason, delivery })
