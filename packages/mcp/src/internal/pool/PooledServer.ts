/**
 * What the pool's keys are: a server under the name its caller knows, with everything that decides how it is pooled.
 *
 * Two names of one config that mean the same endpoint with the same options are one key and share a connection; so does an
 * endpoint a caller brings along that a name already stands for. Each is told of the connection under its own name all the same.
 */
import { PoolPolicy } from "@holdfast/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { Endpoint } from "../../Endpoint.ts"
import { EndpointKey } from "../../EndpointKey.ts"
import type { HttpAuthorizer } from "../../HttpAuthorizer.ts"
import type { McpConfig } from "../../McpConfig.ts"
import { McpRuntimeError, UnknownServer } from "../../McpRuntimeError.ts"
import { nearNames } from "../../NearNames.ts"
import type { ToolFilter } from "../../ToolFilter.ts"
import { type CallDeadlines, callDeadlines, policyInput } from "../config/serverPolicy.ts"
import type { Era } from "../connection/contract.ts"
import type { SessionLostClassifier } from "../http/SessionLost.ts"
import type { Names } from "./underNames.ts"

export interface PooledServer {
  /** The server's name in messages. */
  readonly label: string
  readonly endpoint: Endpoint
  /** Equal for targets that share connections. */
  readonly fingerprint: string
  readonly policy: PoolPolicy.PoolPolicy
  readonly deadlines: CallDeadlines
  /** Which era of the protocol to speak with it. */
  readonly era: Era | "auto"
  /** The revision to ask with, and no other. */
  readonly protocolVersion: string | undefined
  /** Which of its tools are offered and may be called. `undefined`: all. Connections are shared whatever it says. */
  readonly tools: ToolFilter | undefined
  /** A caller has asked for it: looked at by every call, so that it is noted once. */
  isAsked: boolean
}

/** What a config file cannot say of its HTTP servers, by their names. */
export interface Functions {
  readonly authorizers?: Readonly<Record<string, HttpAuthorizer>> | undefined
  readonly isSessionLost?: Readonly<Record<string, SessionLostClassifier>> | undefined
}

export interface PooledServers {
  /** Configured and usable, in the order of the config. */
  readonly servers: () => ReadonlyArray<string>
  /** Configured well, but not usable here and now. */
  readonly unusable: () => McpConfig["unusable"]
  /** Takes another config. Returns the servers that no name means any more: no later one has the fingerprint of one of them. */
  readonly replace: (config: McpConfig) => ReadonlyArray<PooledServer>
  /** Whether it was returned by `replace`: only callers from before still use it. */
  readonly isGone: (target: PooledServer) => boolean
  /** What the server is now; undefined where `at` fails. */
  readonly current: (server: string | Endpoint) => PooledServer | undefined
  /** Under which names a server was asked for, of those that mean it now. Where there is none: `label`. */
  readonly names: Names
  /**
   * Does something with what the server is when this is run. Fails with `UnknownServer`, or with `ConfigInvalid` for a server that
   * cannot be used here.
   */
  readonly at: <A, E, R>(
    server: string | Endpoint,
    f: (target: PooledServer) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | McpRuntimeError, R>
}

export const make = (
  initial: McpConfig,
  functions: Functions = {}
): Effect.Effect<PooledServers> =>
  Effect.gen(function*() {
    // The defaults do not contradict themselves.
    const adHocPolicy = (endpoint: Endpoint) => Effect.orDie(PoolPolicy.make(policyInput(endpoint, "ad hoc")))
    const stdioPolicy = yield* adHocPolicy(Endpoint.stdio({ command: "" }))
    const httpPolicy = yield* adHocPolicy(Endpoint.http({ url: "" }))
    let config = initial
    let byName: ReadonlyMap<string, PooledServer> = new Map()
    let byKey: ReadonlyMap<string, PooledServer> = new Map()
    let generation = 0
    const gone = new Set<string>()
    /** By fingerprint, in the order they came. */
    const asked = new Map<string, Set<string>>()
    const unlessGone = (key: string): string => gone.has(key) ? `${key}/${generation}` : key

    const read = (): ReadonlyArray<PooledServer> => {
      const before = byName
      const stated = [...config.servers.values()].map((server) => {
        const { deadlines, endpoint: bare, era, name, policy, protocolVersion, tools } = server
        const endpoint = withFunctions(bare, ownOf(functions.authorizers, name), ownOf(functions.isSessionLost, name))
        const key = EndpointKey.make(endpoint)
        const said = { deadlines, endpoint, era, policy, protocolVersion, tools }
        const old = before.get(name)
        const isSame = old !== undefined && EndpointKey.make(old.endpoint) === key
        // What has not changed keeps its connections; the same endpoint with other options is not the same any more.
        return { name, key, said, isSame, kept: isSame && hasOptions(old, said) ? old : undefined }
      })
      const keys = new Map<string, PooledServer>()
      // The server that is named first must not be given the connections of one that stays as it was.
      for (const { key, kept } of stated) if (kept !== undefined && !keys.has(key)) keys.set(key, kept)
      const names = new Map<string, PooledServer>()
      for (const { isSame, kept, key, name, said } of stated) {
        const known = keys.get(key)
        const fingerprint = known !== undefined && hasOptions(known, said)
          ? known.fingerprint
          : kept?.fingerprint ?? (known !== undefined || isSame ? `${key}/${name}/${generation}` : unlessGone(key))
        const target: PooledServer = { label: name, fingerprint, ...said, isAsked: false }
        names.set(name, target)
        if (known === undefined || known === kept) keys.set(key, target)
      }
      generation++
      byName = names
      byKey = keys
      const meant = new Set([...names.values()].map(({ fingerprint }) => fingerprint))
      const left = [...before.values()].filter(({ fingerprint }) => !meant.has(fingerprint))
      for (const { fingerprint } of left) {
        gone.add(fingerprint)
        asked.delete(fingerprint)
      }
      return left
    }
    read()

    const adHoc = new WeakMap<Endpoint, PooledServer>()

    const fromEndpoint = (endpoint: Endpoint): PooledServer => {
      const known = adHoc.get(endpoint)
      if (known !== undefined && !gone.has(known.fingerprint)) return known
      const key = EndpointKey.make(endpoint)
      const configured = byKey.get(key)
      if (configured !== undefined) return configured
      const target: PooledServer = {
        label: nameOf(endpoint, key),
        endpoint,
        fingerprint: unlessGone(key),
        policy: endpoint._tag === "Stdio" ? stdioPolicy : httpPolicy,
        deadlines: callDeadlines,
        era: "auto",
        protocolVersion: undefined,
        tools: undefined,
        // It has one name, which is its label.
        isAsked: true
      }
      adHoc.set(endpoint, target)
      return target
    }
    const current = (server: string | Endpoint): PooledServer | undefined =>
      typeof server === "string" ? byName.get(server) : fromEndpoint(server)
    const note = (target: PooledServer): void => {
      target.isAsked = true
      const { fingerprint, label } = target
      asked.set(fingerprint, (asked.get(fingerprint) ?? new Set()).add(label))
    }
    const missing = (server: string): McpRuntimeError => {
      const configured = [...config.servers.keys()]
      const reason = config.unusable.get(server) ??
        new UnknownServer({ server, near: nearNames(server, configured), configured })
      return new McpRuntimeError({ reason })
    }

    return {
      servers: () => [...config.servers.keys()],
      unusable: () => config.unusable,
      replace: (next) => {
        config = next
        return read()
      },
      isGone: ({ fingerprint }) => gone.has(fingerprint),
      current,
      names: (fingerprint, label) => {
        const names = [...asked.get(fingerprint) ?? []].filter((name) => byName.get(name)?.fingerprint === fingerprint)
        return Arr.isArrayNonEmpty(names) ? names : [label]
      },
      at: <A, E, R>(server: string | Endpoint, f: (target: PooledServer) => Effect.Effect<A, E, R>) =>
        Effect.suspend((): Effect.Effect<A, E | McpRuntimeError, R> => {
          const target = current(server)
          // Every endpoint is a server.
          if (target === undefined) return Effect.fail(missing(String(server)))
          if (!target.isAsked) note(target)
          return f(target)
        })
    }
  })

const withFunctions = (
  endpoint: Endpoint,
  authorizer: HttpAuthorizer | undefined,
  isSessionLost: SessionLostClassifier | undefined
): Endpoint => {
  if (endpoint._tag === "Http" && (authorizer !== undefined || isSessionLost !== undefined)) {
    return Endpoint.http({
      ...endpoint,
      authorizer: authorizer ?? endpoint.authorizer,
      isSessionLost: isSessionLost ?? endpoint.isSessionLost
    })
  }
  return endpoint._tag === "Sse" && authorizer !== undefined ? Endpoint.sse({ ...endpoint, authorizer }) : endpoint
}

/** Names come from outside. */
const ownOf = <A>(values: Readonly<Record<string, A>> | undefined, name: string): A | undefined =>
  values !== undefined && Object.hasOwn(values, name) ? values[name] : undefined

/** Of the endpoints, whose keys are equal, only what is not in the key. */
const hasOptions = (
  target: PooledServer,
  said: Pick<PooledServer, "deadlines" | "endpoint" | "era" | "policy" | "protocolVersion">
): boolean =>
  target.era === said.era && target.protocolVersion === said.protocolVersion &&
  classifierOf(target) === classifierOf(said) && isEqual(target.policy, said.policy) &&
  isEqual(target.deadlines, said.deadlines)

/** A function is the same only as itself, signs are the same when they say the same. */
const classifierOf = ({ endpoint }: Pick<PooledServer, "endpoint">): SessionLostClassifier | string | undefined => {
  const said = endpoint._tag === "Http" ? endpoint.isSessionLost : undefined
  return typeof said === "object" ? JSON.stringify(said) : said
}

/** Plain data of numbers, strings and booleans, always built with its members in the same order. */
const isEqual = <A extends object>(a: A, b: A): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Arguments, paths and queries may carry secrets: a name is made of what cannot, and a digest. */
const nameOf = (endpoint: Endpoint, key: EndpointKey): string => {
  if (endpoint._tag !== "Stdio") return URL.canParse(endpoint.url) ? new URL(endpoint.url).host : "ill-formed url"
  const command = endpoint.command.split(/[\\/]/).at(-1) ?? endpoint.command
  return `${command}#${EndpointKey.fingerprint(key).slice(0, 6)}`
}
