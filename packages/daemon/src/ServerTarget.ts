/**
 * What a server is, and so which programs share it: the key of the daemon's pool.
 *
 * A key is the digest of the command, its arguments, its working directory and the environment it is given; of how it is shared; and in
 * the legacy era of the revision and the capabilities of its client, which hold for the whole connection.
 */
import { PoolPolicy } from "@holdfast/core"
import type { Endpoint, StdioEndpoint } from "@holdfast/mcp/Endpoint"
import type { HostSharing } from "@holdfast/mcp/McpConfig"
import * as ChildEnvironment from "@holdfast/process/ChildEnvironment"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import type { Origin } from "./ControlContract.ts"
import type * as Hello from "./Hello.ts"
import * as RawMessage from "./RawMessage.ts"
import * as SessionVariables from "./SessionVariables.ts"

/** A server that a client wants, before it is known in which era. */
export interface WantedServer {
  /** For messages. */
  readonly name: string
  readonly origin?: Origin | undefined
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string
  /** All of it. */
  readonly environment: Readonly<Record<string, string>>
  readonly policy: PoolPolicy.PoolPolicy
  /** A legacy server has several sessions at once. */
  readonly isShared: boolean
  /** A legacy server that a host has left is there for the next one. */
  readonly handOn: boolean
  /** Each host has one of so many processes, by a number. `instanceMark` stands for it in arguments and environment. */
  readonly instances?: { readonly max: number } | undefined
  /** Which of them this is: two processes that have it are never there at once. */
  readonly instance?: string | undefined
}

/** What is no part of any other text. */
export const instanceMark = "\u{E000}instance\u{E001}"

/** What a server is whose instances are counted. */
export const houseOf = ({ args, command, cwd, environment }: WantedServer): string =>
  digest({ command, args, cwd, environment: Object.entries(environment).toSorted() })

/** One of a server's instances. */
export const instanceOf = (wanted: WantedServer, number: number): WantedServer => {
  const filled = (text: string): string => text.replaceAll(instanceMark, String(number))
  return {
    ...wanted,
    args: wanted.args.map(filled),
    environment: Object.fromEntries(
      Object.entries(wanted.environment).map(([name, value]) => [name, filled(value)])
    ),
    policy: { ...wanted.policy, sharing: "exclusive" },
    isShared: false,
    instances: undefined,
    instance: `${houseOf(wanted)} ${number}`
  }
}

/** A server in one era, with the keys by which its processes are told apart. */
export interface ServerTarget {
  readonly wanted: WantedServer
  /** The process, however it is used. */
  readonly process: string
  /** Equal for sessions that may share a connection. */
  readonly fingerprint: string
  /** What is said to a new process first; undefined in the modern era. Its id is 0. */
  readonly initialize: RawMessage.RawMessage | undefined
  readonly isShared: boolean
  readonly policy: PoolPolicy.PoolPolicy
}

/** Ends a process that no session has used for this long, if its config does not say less. */
const idleMillis = 300_000

/** More than the daemon ever has in all: a host never waits because there are others. */
const maxConnections = 100_000

/** A server by its endpoint, for a client. */
export const wantedServer = (
  endpoint: StdioEndpoint,
  hello: Hello.Hello,
  said: {
    readonly name: string
    readonly policy: PoolPolicy.PoolPolicy
    readonly hosts?: HostSharing | undefined
    readonly origin?: Origin | undefined
  }
): WantedServer => {
  const { hosts, name, origin, policy } = said
  const stated = Object.fromEntries(
    // A value of an endpoint's environment is a text, redacted.
    Object.entries(endpoint.env).map(([name, value]) => [name, String(Redacted.value(value))])
  )
  const { inheritEnv } = endpoint
  return {
    name,
    origin,
    command: endpoint.command,
    args: endpoint.args,
    cwd: endpoint.cwd ?? hello.directory,
    environment: ChildEnvironment.select(SessionVariables.without(hello.environment), {
      env: stated,
      inheritEnv
    }),
    policy,
    isShared: hello.shared ?? (hosts?.shared === true || (hello.use === "once" && policy.sharing === "shared")),
    handOn: policy.reuse && (hello.handOn ?? hosts?.handOn ?? true),
    instances: hosts?.instances
  }
}

/** The server in the era that the client speaks. */
export const make = (wanted: WantedServer, initialize: RawMessage.RawMessage | undefined): ServerTarget => {
  const { args, command, cwd, environment, policy } = wanted
  const isShared = initialize === undefined ? policy.sharing === "shared" : wanted.isShared
  const { instance } = wanted
  const process = digest({ command, args, cwd, environment: Object.entries(environment).toSorted(), instance })
  const asked = initialize && RawMessage.replaced(initialize, [
    [RawMessage.paths.id, "0"],
    // Where several sessions share a process it is unknown which of them is meant, but for a question in the course of the only call.
    [["params", "capabilities"], isShared ? sharedCapabilities : undefined]
  ])
  // Read again, so that what the key is made of is what the server is told.
  const question = asked && RawMessage.own(asked.text)
  const { capabilities, protocolVersion } = question === undefined
    ? { capabilities: undefined, protocolVersion: undefined }
    : RawMessage.paramsOf(question)
  const era = initialize === undefined ? "modern" : { capabilities, protocolVersion }
  const { handOn } = wanted
  return {
    wanted,
    process,
    fingerprint: digest({ process, isShared, handOn, era }),
    initialize: question,
    isShared,
    policy: {
      ...policy,
      sharing: isShared ? "shared" : "exclusive",
      reuse: initialize === undefined || isShared ? policy.reuse : handOn,
      maxConnectionsPerKey: (isShared && policy.reuse) || instance !== undefined ? 1 : maxConnections,
      // Sessions, not calls: each may have many.
      maxInFlight: maxSessions,
      // One that is not given to others any more may be in use for hours.
      drainTimeout: Number.POSITIVE_INFINITY,
      idleTimeout: Math.min(policy.idleTimeout, idleMillis)
    }
  }
}

/** Of sessions that share a process. What one of them does not take is refused by `ServerMux`: all of them are to share one. */
const sharedCapabilities = `{"elicitation":{"form":{},"url":{}}}`

/** Of one process. */
const maxSessions = 10_000

const digest = (value: object): string => createHash("sha256").update(JSON.stringify(value)).digest("hex")

/** Whether the daemon has any use for it: what is behind a url has no process here. */
export const isCommand = (endpoint: Endpoint): endpoint is StdioEndpoint => endpoint._tag === "Stdio"
