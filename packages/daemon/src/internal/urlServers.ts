/**
 * Servers behind urls: the client of `@holdfast/mcp`, one for all programs that mean the same server in the same way.
 *
 * Promises
 * - Programs share one session of the server, which is opened anew when it is lost. What that client promises of delivery holds for their
 *   requests; its errors say `reason` and `delivery`.
 * - The url, the headers and the proxies are those of the program that asks, and part of the key.
 * - A client ends five minutes after its last session.
 */
import * as EndpointKey from "@holdfast/mcp/EndpointKey"
import { isFailure } from "@holdfast/mcp/Explanation"
import { type HttpProxies, HttpProxies as Proxies } from "@holdfast/mcp/HttpLink"
import type { ServerConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as SdkTransport from "@holdfast/mcp/SdkTransport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import type { Era, Origin } from "../ControlContract.ts"
import type { ServerStatus, SessionStatus } from "../DaemonStatus.ts"
import { errorCode } from "../DeliveryError.ts"
import { Greeter } from "../Greeter.ts"
import type { Opening } from "../HostSession.ts"
import * as RawMessage from "../RawMessage.ts"
import { ServerMux } from "../ServerMux.ts"
import type { Journal } from "./Journal.ts"
import { plainUrl } from "./plainUrl.ts"
import { version } from "./version.ts"

/** A server behind a url that a client wants. */
export interface WantedUrl {
  readonly name: string
  readonly origin: Origin
  readonly config: ServerConfig
  /** Of the client's environment. */
  readonly proxies: HttpProxies
}

export interface UrlServers {
  /** Holds a session with the server until the client or the server has ended. */
  readonly hold: (
    wanted: WantedUrl,
    initialize: RawMessage.RawMessage | undefined,
    who: SessionStatus,
    opening: Opening
  ) => Effect.Effect<void>
  readonly status: () => ReadonlyArray<ServerStatus>
}

interface Entry {
  readonly wanted: WantedUrl
  readonly holders: Set<SessionStatus>
  readonly muxes: Set<ServerMux>
  /** Undefined: it has not been reached yet. */
  era: Era | undefined
}

export const make = Effect.fnUntraced(function*(
  journal: Journal
): Effect.fn.Return<UrlServers, never, Scope.Scope> {
  const known = new Map<string, Entry>()
  const clients = yield* RcMap.make({
    lookup: (key: string) =>
      Effect.suspend(() => {
        const entry = known.get(key)
        return entry === undefined
          ? Effect.die(new Error(`nothing is known of ${key}`))
          : connectionsOf(entry.wanted, journal)
      }),
    idleTimeToLive: "5 minutes"
  })

  /** Opens its session, unless that is there. */
  const reached = (entry: Entry, connections: McpConnections["Service"]) =>
    Effect.suspend(() => {
      const server = entry.wanted.name
      return connections.use(server, ({ era }) => Effect.succeed(era)).pipe(
        Effect.tap((era) =>
          Effect.sync(() => {
            entry.era = era
          })
        ),
        Effect.tapError(({ history = [], message, reason }) =>
          Effect.sync(() => {
            const step = history.findLast(isFailure)?.failedStep ?? "handshake"
            journal.tell({ event: "failed", server, step, reason: reason._tag, message })
          })
        )
      )
    })

  const hold: UrlServers["hold"] = (wanted, initialize, who, opening) =>
    Effect.gen(function*() {
      const key = keyOf(wanted)
      const entry: Entry = known.get(key) ?? { wanted, holders: new Set(), muxes: new Set(), era: undefined }
      known.set(key, entry)
      const server = wanted.name
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          entry.holders.add(who)
          journal.tell({ event: "leased", server, by: who })
        }),
        () =>
          Effect.sync(() => {
            entry.holders.delete(who)
            journal.tell({ event: "returned", server, by: who })
            if (entry.holders.size === 0) known.delete(key)
          })
      )
      const connections = yield* RcMap.get(clients, key)
      const isNew = entry.era === undefined
      yield* reached(entry, connections)
      const transport = yield* Effect.acquireRelease(
        SdkTransport.make(connections, wanted.name, { exactNumbers: true }),
        (transport) => Effect.promise(() => transport.close())
      )
      const ended = Deferred.makeUnsafe<void>()
      const end = (): void => void Deferred.doneUnsafe(ended, Effect.void)
      let hear: (text: string) => void = () => {}
      transport.onmessage = (message) => hear(JSON.stringify(message))
      transport.onclose = () => {
        opening.onLost({ reason: "ConnectionLost", message: `${wanted.name}: its client has ended` })
        end()
      }
      yield* Effect.promise(() => transport.start())
      const run = yield* FiberSet.makeRuntime<never, void, never>()
      const say = (text: string): void => {
        const message = parse(text)
        // A server of the legacy era is not asked what another one would answer: it may take it for a fault of the session.
        if ("method" in message && message.method === "server/discover" && "id" in message) {
          return void run(eraFor(message.id, message))
        }
        const sent = transport.send(message)
        // A request that cannot be sent is answered; the rest have no caller to tell.
        run(Effect.ignore(Effect.tryPromise(() => sent)))
      }
      const eraFor = (id: string | number, message: Message): Effect.Effect<void> =>
        connections.use(wanted.name, ({ era }) => Effect.succeed(era)).pipe(
          Effect.flatMap((era) => {
            if (era === "modern") return Effect.promise(() => transport.send(message))
            return Effect.sync(() => hear(refusal(id, -32601, "the server speaks an older revision")))
          }),
          Effect.catch(({ message, reason }) =>
            Effect.sync(() => hear(refusal(id, errorCode.notExecuted, message, reason._tag)))
          )
        )
      const mux = new ServerMux({
        toServer: (text, onHandOff) => {
          onHandOff()
          say(text)
        },
        isShared: true
      })
      yield* Effect.acquireRelease(
        Effect.sync(() => entry.muxes.add(mux)),
        () => Effect.sync(() => entry.muxes.delete(mux))
      )
      const open = (greeting: RawMessage.RawMessage | undefined): void => {
        hear = (text) => void mux.serverSaid(text)
        const port = mux.attach(opening.onMessage)
        opening.onOpen({
          greeting,
          given: { isNew },
          send: port.send,
          close: () => {
            port.close()
            end()
          }
        })
      }
      if (initialize === undefined) open(undefined)
      else {
        const greeter = new Greeter({
          question: RawMessage.replaced(initialize, [[RawMessage.paths.id, "0"]]),
          toServer: say,
          onGreeted: open,
          onRefused: (refusal) => {
            opening.onLost({ reason: "HandshakeFailed", message: `${wanted.name}: it cannot be reached`, refusal })
            end()
          }
        })
        hear = (text) => greeter.serverSaid(text)
        greeter.begin()
      }
      yield* Deferred.await(ended)
    }).pipe(
      Effect.scoped,
      Effect.catch(({ message, reason }: McpRuntimeError) =>
        Effect.sync(() => opening.onLost({ reason: reason._tag, message }))
      )
    )

  return {
    hold,
    status: () =>
      [...known].map(([key, { era, holders, muxes, wanted }]): ServerStatus => ({
        name: wanted.name,
        origin: wanted.origin,
        command: plainUrl(wanted.config.endpoint),
        directory: "-",
        key: key.slice(0, 12),
        likeness: key.slice(0, 12),
        instance: undefined,
        digest: undefined,
        era,
        sharing: "shared",
        state: "in use",
        pid: undefined,
        startedAt: undefined,
        leases: [...holders],
        inFlight: [...muxes].reduce((total, { inFlight }) => total + inFlight, 0),
        waiting: 0,
        retryInMillis: undefined,
        lastFailure: undefined
      }))
  }
})

const connectionsOf = (
  { config, name, proxies }: WantedUrl,
  journal: Pick<Journal, "tried">
): Effect.Effect<McpConnections["Service"], McpRuntimeError, Scope.Scope> =>
  McpConnections.make({
    file: "the daemon's",
    servers: new Map([[name, { ...config, deadlines: patient }]]),
    unusable: new Map(),
    switchedOff: new Set(),
    warnings: []
  }, { clientInfo: { name: "holdfast", version }, onTry: journal.tried }).pipe(
    Effect.provideService(Proxies, Effect.succeed(proxies))
  )

/** A client of the daemon gives up itself, and says so. */
const patient: ServerConfig["deadlines"] = { idle: 86_400_000, hard: 86_400_000, read: 86_400_000 }

type Message = Parameters<SdkTransport.Transport["send"]>[0]

const refusal = (id: string | number, code: number, message: string, reason?: string): string => {
  const data = reason === undefined ? {} : { data: { reason, delivery: "NotSent" } }
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, ...data } })
}

/** A message of the mux. Whole numbers that JavaScript cannot hold stay as they are written. */
const parse = (text: string): Message => JSON.parse(text, /\d{16}/.test(text) ? keepLong : undefined)

const keepLong = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? rawJSON(context?.source ?? "")
    : value

// Node has it since version 21, and the compiler's library does not know it yet.
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object }

/** Everything that makes two programs mean different things. */
const keyOf = ({ config: { deadlines, endpoint, era, policy, protocolVersion }, name, proxies }: WantedUrl): string => {
  const identity = JSON.stringify({ name, era, protocolVersion, policy, deadlines, proxies })
  return createHash("sha256").update(EndpointKey.EndpointKey.make(endpoint, { identity })).digest("hex")
}
