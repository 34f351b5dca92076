/**
 * What the pool's keys are: a server under the name its caller knows, with everything that decides how it is pooled.
 *
 * Two names of one config that mean the same endpoint with the same options are one key and share a connection; so does an
 * endpoint a caller brings along that a name already stands for.
 */
import { PoolPolicy } from "@holdfast/core"
import * as Effect from "effect/Effect"
import { Endpoint } from "../Endpoint.ts"
import { EndpointKey } from "../EndpointKey.ts"
import type { HttpAuthorizer } from "../HttpAuthorizer.ts"
import type { McpConfig } from "../McpConfig.ts"
import type { Era } from "../McpConnection.ts"
import { McpRuntimeError, UnknownServer } from "../McpRuntimeError.ts"
import { nearNames } from "../NearNames.ts"
import { type CallDeadlines, callDeadlines, policyInput } from "./serverPolicy.ts"

export interface Target {
  /** The server's name in messages. */
  readonly label: string
  readonly endpoint: Endpoint
  /** Equal for targets that share connections. */
  readonly fingerprint: string
  readonly policy: PoolPolicy.PoolPolicy
  readonly deadlines: CallDeadlines
  /** Which era of the protocol to speak with it. */
  readonly era: Era | "auto"
}

export interface Targets {
  /** Configured and usable, in the order of the config. */
  readonly servers: () => ReadonlyArray<string>
  /** Configured well, but not usable here and now. */
  readonly unusable: () => McpConfig["unusable"]
  /** Takes another config. Returns the targets that nobody means any more. */
  readonly replace: (config: McpConfig) => ReadonlyArray<Target>
  /** Fails with `UnknownServer`, or with `ConfigInvalid` for a server that cannot be used here. */
  readonly find: (server: string | Endpoint) => Effect.Effect<Target, McpRuntimeError>
}

export const make = (
  initial: McpConfig,
  authorizers: Readonly<Record<string, HttpAuthorizer>> = {}
): Effect.Effect<Targets> =>
  Effect.sync(() => {
    let config = initial
    let byName: ReadonlyMap<string, Target> = new Map()
    let byKey: ReadonlyMap<string, Target> = new Map()
    let generation = 0

    const read = (): ReadonlyArray<Target> => {
      const before = byName
      const names = new Map<string, Target>()
      const keys = new Map<string, Target>()
      for (const { deadlines, endpoint: stated, era, name, policy } of config.servers.values()) {
        const endpoint = withAuthorizer(stated, Object.hasOwn(authorizers, name) ? authorizers[name] : undefined)
        const key = EndpointKey.make(endpoint)
        const said = { deadlines, era, policy }
        const known = keys.get(key)
        const old = before.get(name)
        // What has not changed keeps its connections; the same endpoint with other options is not the same any more.
        const fingerprint = known !== undefined
          ? hasOptions(known, said) ? known.fingerprint : `${key}/${name}/${generation}`
          : old !== undefined && EndpointKey.make(old.endpoint) === key
          ? hasOptions(old, said) ? old.fingerprint : `${key}/${name}/${generation}`
          : key
        const target: Target = { label: name, endpoint, fingerprint, ...said }
        names.set(name, target)
        if (known === undefined) keys.set(key, target)
      }
      generation++
      byName = names
      byKey = keys
      const meant = new Set([...names.values()].map(({ fingerprint }) => fingerprint))
      return [...before.values()].filter(({ fingerprint }) => !meant.has(fingerprint))
    }
    read()

    const adHoc = new WeakMap<Endpoint, Target>()
    const fromEndpoint = (endpoint: Endpoint): Effect.Effect<Target> => {
      const known = adHoc.get(endpoint)
      if (known !== undefined) return Effect.succeed(known)
      const key = EndpointKey.make(endpoint)
      const configured = byKey.get(key)
      if (configured !== undefined) return Effect.succeed(configured)
      return PoolPolicy.make(policyInput(endpoint, "ad hoc")).pipe(
        // The defaults do not contradict themselves.
        Effect.orDie,
        Effect.map((policy) => {
          const label = nameOf(endpoint, key)
          const target: Target = { label, endpoint, fingerprint: key, policy, deadlines: callDeadlines, era: "auto" }
          adHoc.set(endpoint, target)
          return target
        })
      )
    }

    return {
      servers: () => [...config.servers.keys()],
      unusable: () => config.unusable,
      replace: (next) => {
        config = next
        return read()
      },
      find: (server) => {
        if (typeof server !== "string") return fromEndpoint(server)
        const target = byName.get(server)
        if (target !== undefined) return Effect.succeed(target)
        const configured = [...config.servers.keys()]
        const reason = config.unusable.get(server) ??
          new UnknownServer({ server, near: nearNames(server, configured), configured })
        return Effect.fail(new McpRuntimeError({ reason }))
      }
    }
  })

const withAuthorizer = (endpoint: Endpoint, authorizer: HttpAuthorizer | undefined): Endpoint =>
  endpoint._tag === "Stdio" || authorizer === undefined
    ? endpoint
    : endpoint._tag === "Http"
    ? Endpoint.http({ ...endpoint, authorizer })
    : Endpoint.sse({ ...endpoint, authorizer })

const hasOptions = (target: Target, said: Pick<Target, "deadlines" | "era" | "policy">): boolean =>
  target.era === said.era && isEqual(target.policy, said.policy) && isEqual(target.deadlines, said.deadlines)

/** Plain data of numbers, strings and booleans, always built with its members in the same order. */
const isEqual = <A extends object>(a: A, b: A): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Arguments, paths and queries may carry secrets: a name is made of what cannot, and a digest. */
const nameOf = (endpoint: Endpoint, key: EndpointKey): string => {
  if (endpoint._tag !== "Stdio") return URL.canParse(endpoint.url) ? new URL(endpoint.url).host : "ill-formed url"
  const command = endpoint.command.split(/[\\/]/).at(-1) ?? endpoint.command
  return `${command}#${EndpointKey.fingerprint(key).slice(0, 6)}`
}
