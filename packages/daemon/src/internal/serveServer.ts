/**
 * A session of a client with a server: the relay between its socket and a process of the pool.
 */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import type { DaemonConnection } from "../DaemonClient.ts"
import type { SessionStatus } from "../DaemonStatus.ts"
import { movedLine } from "../Hello.ts"
import { HostSession, type Loss, type Memory, type Opening, type Upstream } from "../HostSession.ts"
import { LegacyHostBridge } from "../LegacyHostBridge.ts"
import * as ModernHostBridge from "../ModernHostBridge.ts"
import type { PooledServer } from "../PooledServer.ts"
import * as RawMessage from "../RawMessage.ts"
import { type ServerPool, silence } from "../ServerPool.ts"
import * as ServerTarget from "../ServerTarget.ts"
import { borrow, closed, isRefusedByEra, toLoss } from "./borrow.ts"
import type { CallLog } from "./callLog.ts"
import type { Journal } from "./Journal.ts"
import { newSecret } from "./nodePlatform.ts"
import type { ParkedCalls } from "./ParkedCalls.ts"
import { passOn } from "./passOn.ts"
import * as SocketLines from "./socketLines.ts"
import * as ToolCalls from "./toolCalls.ts"
import type { UrlServers, WantedUrl } from "./urlServers.ts"

export interface ServedSession {
  readonly pool: ServerPool
  readonly wanted: ServerTarget.WantedServer | WantedUrl
  /** For servers behind urls. */
  readonly urls: Effect.Effect<UrlServers>
  /** Whose it is. */
  readonly who: SessionStatus
  /** Told what the server says of itself. Undefined: the client keeps that. */
  readonly learn: Memory["learn"] | undefined
  /** It knows the modern era only. */
  readonly isModernHost: boolean
  readonly successor: Successor
  /** Its client goes to the successor when it is told to. */
  readonly moves: boolean
  readonly calls: CallLog
  /** For a client that says a call in the words of a command line. */
  readonly toolCalls: ToolCalls.ToolCalls
  readonly journal: Journal
  readonly parked: ParkedCalls
  /** Runs a fiber of the daemon, which outlives the session. */
  readonly runForDaemon: Run
}

/** The newer daemon that this one has made way for, or will. */
export interface Successor {
  readonly isThere: () => boolean
  /** Told when it is. */
  readonly watchers: Set<() => void>
  /** The same session there. */
  readonly connect: () => Promise<DaemonConnection>
}

/**
 * Serves until the client has gone.
 *
 * A session keeps a process that is its alone for as long as it can. It leaves one that it shares, and that others are not to be given any
 * more, in the first moment in which nothing of it is on the way: what comes next is another process, or the successor.
 */
export const serveServer = (
  socket: net.Socket,
  {
    calls,
    isModernHost,
    journal,
    learn = ignore,
    moves,
    parked,
    pool,
    runForDaemon,
    successor,
    toolCalls,
    urls,
    wanted,
    who
  }: ServedSession
): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const clock = yield* Clock.Clock
    let leaveIfQuiet: () => void = ignore
    /** Why there was no server for the question of the modern era. */
    let unanswered: { readonly loss: Loss; readonly until: bigint } | undefined
    let caller: SessionStatus | undefined
    /** It has a process that is its alone, or waits for one. */
    let hasOwn = false
    let isOffered = false
    const offer = (): void => {
      if (!moves || isOffered || hasOwn || !successor.isThere()) return
      isOffered = true
      SocketLines.write(socket, `${movedLine}\n`)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => successor.watchers.add(offer)),
      () => Effect.sync(() => successor.watchers.delete(offer))
    )
    const session = new HostSession({
      place: "daemon",
      // A client that asks its daemon wants to hear its server.
      memory: { recall: () => undefined, learn },
      now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
      observer: calls.watch(() => caller, wanted.name),
      toHost: (text) => {
        SocketLines.write(socket, `${text}\n`)
        leaveIfQuiet()
      },
      open: (initialize, opening, first) => {
        const isJoined = first !== undefined && isOfModernHost(first, isModernHost)
        const own = caller = callerOf(who, initialize)
        const next = (): void => {
          caller = undefined
          hasOwn = false
          offer()
          run(passOn(successor.connect, initialize, opening))
        }
        if (successor.isThere()) return next()
        const known = unanswered
        unanswered = undefined
        // The client asks in the other era now, and a server that does not start does so in none.
        if (initialize !== undefined && known !== undefined && clock.monotonicTimeNanosUnsafe() < known.until) {
          return opening.onLost(known.loss)
        }
        let isOpen = false
        if ("config" in wanted) {
          leaveIfQuiet = () => {
            if (successor.isThere() && session.pending === 0) opening.onLost(left)
          }
          return void run(Effect.flatMap(urls, ({ hold }) => hold(wanted, initialize, own, opening)))
        }
        hasOwn = true
        const question = initialize ?? (isJoined ? first : undefined)
        run(hold(pool, wanted, question, own, {
          ...opening,
          onOpen: (upstream) => {
            isOpen = true
            opening.onOpen(upstream)
          },
          onLost: (loss) => {
            hasOwn = false
            // A process that was waited for when the successor came is had there.
            if (loss === closed && successor.isThere()) return next()
            if (initialize === undefined && !isOpen && loss.refusal === undefined) {
              unanswered = { loss, until: clock.monotonicTimeNanosUnsafe() + secondQuestion }
            }
            // What the start of a process has failed by is told of there.
            if (!isOpen && loss.refusal === undefined && !("treatment" in loss)) {
              const { message, reason } = loss
              journal.tell({ event: "refused", server: wanted.name, by: own, reason, message })
            }
            opening.onLost(loss)
            offer()
          },
          onShared: (server) => {
            hasOwn = false
            leaveIfQuiet = () => {
              if (server.isRetired() && session.pending === 0) opening.onLost(left)
            }
            return leaveIfQuiet
          }
        }, run))
      }
    })
    const parking = parked.session({
      server: wanted.name,
      mayBegin: () => !successor.isThere(),
      who: () => caller ?? who,
      toHost: (text) => SocketLines.write(socket, `${text}\n`),
      observer: calls.watch(() => caller ?? who, wanted.name),
      open: (initialize, opening) => {
        const held = "config" in wanted
          ? Effect.flatMap(urls, ({ hold }) => hold(wanted, initialize, who, opening))
          : hold(pool, { ...wanted, isShared: false }, initialize, who, {
            ...opening,
            onShared: () => ignore
          }, runForDaemon)
        runForDaemon(held)
      }
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        parking.leave()
        session.hostEnded()
      })
    )
    /** The call that the client has begun with, for as long as it is under way. */
    let call: ToolCalls.ToolCall | undefined
    const beginCall = (request: RawMessage.RawMessage): void => {
      const toClient = (text: string): void => SocketLines.write(socket, `${text}\n`)
      if ("config" in wanted || successor.isThere()) return toClient(ToolCalls.untaken(request))
      const begun = call = toolCalls.begin(request, {
        wanted,
        who,
        observer: calls.watch(() => who, wanted.name),
        toClient,
        learn,
        onUnopened: (loss) => {
          unanswered = { loss, until: clock.monotonicTimeNanosUnsafe() + secondQuestion }
        }
      })
      run(Effect.ensuring(begun.run, Effect.sync(() => call = undefined)))
    }
    yield* Effect.callback<void>((resume) => {
      let isFirst = true
      const hear = (line: string): void => {
        const request = isFirst ? ToolCalls.requestIn(line) : undefined
        isFirst = false
        if (request !== undefined) return beginCall(request)
        if (call?.hears(line) === true) return
        if (!parking.takes(line)) {
          session.hostSaid(line)
        }
        leaveIfQuiet()
      }
      const framing = LineFraming.make({
        onLine: hear,
        onFault: ({ _tag }) => hear(`"${_tag}"`)
      })
      const onData = (chunk: Buffer): void => framing.push(chunk)
      const onEnd = (): void => resume(Effect.void)
      socket.on("data", onData).once("end", onEnd).once("close", onEnd).resume()
      return Effect.sync(() => void socket.off("data", onData).off("end", onEnd).off("close", onEnd))
    })
  }))

/** Within ten seconds a question of the other era belongs to the first one. Nanoseconds. */
const secondQuestion = 10_000_000_000n

/** A host says its name in `initialize`; what stands between it and the daemon has one of its own. */
const callerOf = (who: SessionStatus, initialize: RawMessage.RawMessage | undefined): SessionStatus => {
  const { name } = RawMessage.membersOf(initialize && RawMessage.paramsOf(initialize)["clientInfo"])
  return typeof name === "string" && name !== "" ? { ...who, program: name.slice(0, 100) } : who
}

/** Runs a fiber of the session. */
export type Run = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/** What a session is given. */
type HeldOpening = Opening & { readonly onShared: (server: PooledServer) => () => void }

/**
 * Whether it is to be served by a legacy server as well. A host that asks what the server speaks can go on in its era, and does better
 * so, if it knows that.
 */
const isOfModernHost = (first: RawMessage.RawMessage, isModernHost: boolean): boolean =>
  RawMessage.textAt(first, RawMessage.paths.revision) !== undefined &&
  (isModernHost || first.method !== "server/discover")

/**
 * Holds a process for the session for as long as both want it, also if they are of two eras. `said` is the `initialize` of a legacy host, or
 * the first request of a modern one; undefined for a modern host that looks for a modern server.
 */
const hold = (
  pool: ServerPool,
  wanted: ServerTarget.WantedServer,
  said: RawMessage.RawMessage | undefined,
  who: SessionStatus,
  opening: HeldOpening,
  run: Run
): Effect.Effect<void> => {
  const initialize = said?.method === "initialize" ? said : undefined
  // A client of the modern era says so in each request, and what is between the eras looks at that.
  const takesQuestions = initialize === undefined ||
    RawMessage.textAt(initialize, ["params", "capabilities", "elicitation"]) !== undefined
  const later = (millis: number, work: () => void): () => void => {
    const fiber = run(Effect.andThen(Effect.sleep(millis), Effect.sync(work)))
    return () => fiber.interruptUnsafe()
  }
  const inEra = (question: RawMessage.RawMessage | undefined, bridged?: Bridged) =>
    placeFor(pool, wanted, who).pipe(
      Effect.flatMap(({ isFresh, place }) =>
        borrow(pool, ServerTarget.make(place, question), { program: who.program, isFresh })
      ),
      Effect.flatMap((server) => attend(server, who, opening, takesQuestions, bridged)),
      Effect.scoped
    )
  // A client that looks for a modern server goes on in the other era: no second process is started only to answer it.
  const own = Effect.suspend(() =>
    said === undefined && wanted.isShared && pool.isSharedByLegacy(ServerTarget.make(wanted, undefined))
      ? Effect.fail(inLegacyEra)
      : inEra(initialize)
  )
  const other = initialize === undefined
    ? inEra(ModernHostBridge.initializeFor(said), (server, { greeting }, opening) => {
      if (greeting === undefined) throw new Error("a legacy server has been greeted")
      return new ModernHostBridge.ModernHostBridge({ greeting, opening, server, later, newState: newSecret })
    })
    : inEra(
      undefined,
      (server, _, opening) => new LegacyHostBridge({ name: wanted.name, initialize, opening, server, later })
    )
  const attended = said === undefined ? own : Effect.catchIf(own, (error) => isRefusedByEra(error), () => other)
  return Effect.catch(attended, (error) => Effect.sync(() => opening.onLost(toLoss(error))))
}

/** What stands between a session and its server, where they are of two eras. */
type Bridged = (way: Pick<Upstream, "send" | "close">, server: PooledServer, opening: Opening) => {
  readonly begin: () => void
  readonly serverSaid: (message: RawMessage.RawMessage) => void
}

/** Until the session or the server ends. */
const attend = (
  server: PooledServer,
  who: SessionStatus,
  opening: HeldOpening,
  takesQuestions: boolean,
  bridged: Bridged | undefined
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { isShared } = server.target
    const ended = Deferred.makeUnsafe<void>()
    let onMessage = opening.onMessage
    const port = server.mux.attach((message) => onMessage(message), takesQuestions)
    server.losses.add(opening.onLost)
    const given = { pid: server.pid, isNew: server.isUnused() }
    server.hold(who)
    const onRetired = isShared ? opening.onShared(server) : ignore
    server.retirements.add(onRetired)
    const way = {
      send: port.send,
      close: () => {
        server.losses.delete(opening.onLost)
        server.leave(who)
        server.retirements.delete(onRetired)
        port.close()
        if (!isShared && !server.mux.isClean) server.retire()
        Deferred.doneUnsafe(ended, Effect.void)
      }
    }
    if (bridged === undefined) opening.onOpen({ ...way, given, greeting: server.greeting })
    else {
      const bridge = bridged(way, server, {
        ...opening,
        onOpen: (upstream) => opening.onOpen({ ...upstream, given })
      })
      onMessage = (message) => bridge.serverSaid(message)
      bridge.begin()
    }
    // A session may leave before it is open.
    return Effect.ensuring(
      Effect.raceFirst(Deferred.await(ended), Effect.asVoid(server.closed)),
      Effect.suspend(() => Deferred.isDoneUnsafe(ended) ? Effect.void : Effect.sync(way.close))
    )
  })

/** The server, with a number of its own where it says `instances`. */
const placeFor = (
  { instances }: ServerPool,
  wanted: ServerTarget.WantedServer,
  who: SessionStatus
): Effect.Effect<
  { readonly place: ServerTarget.WantedServer; readonly isFresh: boolean },
  Loss,
  Scope.Scope
> => {
  if (wanted.instances === undefined) return Effect.succeed({ place: wanted, isFresh: false })
  const house = ServerTarget.houseOf(wanted)
  return instances.take(house, wanted.instances.max, who).pipe(
    Effect.timeoutOrElse({
      duration: wanted.policy.acquireTimeout,
      orElse: () => Effect.fail(allTaken(wanted, instances.tenants(house)))
    }),
    Effect.map(({ isOwn, number }) => ({ place: ServerTarget.instanceOf(wanted, number), isFresh: !isOwn }))
  )
}

const allTaken = (
  { instances, name }: ServerTarget.WantedServer,
  tenants: ReadonlyArray<{ readonly program: string; readonly directory: string }>
): Loss => ({
  reason: "TooBusy",
  message: `${name}: all of its instances (${instances?.max}) are in use, by ${
    tenants.map(({ directory, program }) => `${program} in ${directory}`).join(", ")
  }`
})

/** Its process is shared by hosts of the legacy era. */
const inLegacyEra: Loss = {
  reason: "HandshakeFailed",
  message: "the server is used in the legacy era",
  refusal: silence
}

/** Nothing was on the way. */
const left: Loss = { reason: "ConnectionLost", message: "the process is to end" }

const ignore = (): void => {}
