/**
 * What must be true of every run, whatever the servers did: the books of the callers against those of the servers.
 */
import type { PoolSnapshot } from "@holdfast/core"
import type { Reason } from "@holdfast/mcp/McpRuntimeError"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import { Reason as Reasons } from "@holdfast/mcp/McpRuntimeError"
import { Simulation } from "@holdfast/testkit"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { faultOfTheUser, LifeAuditor } from "./LifeAuditor.ts"
import type { Scenario } from "./McpScenario.ts"
import type { Books, Session, Wrong } from "./SimulatedServer.ts"

/** One call, as its caller knows it. */
export interface Asked {
  readonly token: string
  readonly server: string
  readonly what: string
  /** Whether its caller, or its tool, says that running it twice does no harm. */
  readonly mayRepeat: boolean
  readonly at: number
  readonly deadline: number | undefined
  /** How long this program had stalled until then. */
  readonly stalledBefore: number
  /** Whether its server was one at that time. */
  readonly wasConfigured: boolean
  isSettled: boolean
}

/** Every call settles by its deadline, and this much later at most. */
const grace = 25

/** The first attempt and three repetitions of what may have run. Each 502 of a gateway allows one more. */
const mostRuns = 4

export class McpAuditor extends LifeAuditor implements Books {
  readonly #scenario: Scenario
  readonly #runs = new Map<string, number>()
  readonly #readers = new Map<string, Session>()
  readonly #wrongs = new Map<string, Set<string>>()
  /** How often a gateway has lost the answer to a call. */
  readonly #gateways = new Map<string, number>()
  /** Calls that failed with the word that they did not run. */
  readonly #denied = new Map<string, string>()
  readonly #calls = new Map<string, Asked>()
  /** When the answer to a call was written last. */
  readonly #answered = new Map<string, number>()

  constructor(scenario: Scenario) {
    super((server) => {
      const plan = scenario.servers.find(({ name }) => name === server)
      return plan === undefined || plan.faults.stall > 0 || plan.faults.deaf > 0
    })
    this.#scenario = scenario
  }

  // What servers tell.

  opened(session: Session): void {
    this.sessions.push(session)
    this.count("server: connection opened")
  }

  called(session: Session, era: "legacy" | "modern"): void {
    this.count(`server: called in the ${era} era`)
    if (era === "legacy") this.usedInTheOldWay(session)
  }

  read(session: Session, token: string): void {
    this.#readers.set(token, session)
  }

  protected override asksBack(token: string): void {
    this.#readers.delete(token)
  }

  executed(token: string): void {
    const runs = (this.#runs.get(token) ?? 0) + 1
    this.#runs.set(token, runs)
    if (runs === 2) this.count("server: ran twice, with leave")
    const mayRepeat = this.#calls.get(token)?.mayRepeat === true
    this.check(
      mayRepeat || runs === 1,
      "a call without leave to repeat runs once at most",
      `${token} ran ${runs} times`
    )
    this.check(
      runs <= mostRuns + (this.#gateways.get(token) ?? 0),
      "a call is repeated three times at most, but for those that a gateway has lost",
      `${token} ran ${runs} times`
    )
    const denial = this.#denied.get(token)
    this.check(
      denial === undefined,
      "what failed as not sent or refused never runs",
      `${token}: ${denial}`
    )
  }

  answered(token: string): void {
    this.#answered.set(token, this.now())
  }

  wronged(token: string, how: Wrong): void {
    const wrongs = this.#wrongs.get(token) ?? new Set()
    wrongs.add(how)
    if (how === "gateway") this.#gateways.set(token, (this.#gateways.get(token) ?? 0) + 1)
    // Who refuses a call has nothing to do with its fate any more.
    if (how === "rejected" || how === "refused" || how === "mismatched") this.#readers.delete(token)
    this.#wrongs.set(token, wrongs)
  }

  misled(session: Session, what: string): void {
    this.check(false, "a server is told nothing that its era does not know", `${session.server}: ${what}`)
  }

  // What callers tell.

  asked(asked: Asked): void {
    this.#calls.set(asked.token, asked)
  }

  progress(asked: Asked, message: string | undefined): void {
    this.check(message === asked.token, "progress comes to the call it is of", `${asked.token} was told of ${message}`)
    this.check(!asked.isSettled, "progress ends with its call", asked.token)
  }

  got(asked: Asked, token: string): void {
    this.check(token === asked.token, "an answer is the answer to its own call", `${asked.token} got ${token}`)
  }

  settled(asked: Asked, exit: Exit.Exit<unknown, unknown>): void {
    this.check(!asked.isSettled, "a call settles once", asked.token)
    asked.isSettled = true
    const took = this.now() - asked.at
    const limit = (asked.deadline ?? Number.POSITIVE_INFINITY) + this.stalledMillis - asked.stalledBefore
    this.check(took <= limit + grace, "a call settles by its deadline", `${asked.token}: ${took} ms of ${limit} ms`)
    if (exit._tag === "Success") {
      this.check(asked.wasConfigured, "nobody answers for a server that is not there", asked.token)
      // Those have no token, and nothing is executed for them.
      if (asked.what !== "list" && asked.what !== "subscribe") {
        this.check((this.#runs.get(asked.token) ?? 0) > 0, "what is answered was executed", asked.token)
      }
      return this.count("caller: answered")
    }
    for (const reason of exit.cause.reasons) {
      if (reason._tag === "Die") this.check(false, "no call dies", String(reason.defect))
      if (reason._tag === "Interrupt") this.count("caller: interrupted")
      if (reason._tag !== "Fail") continue
      const { error } = reason
      if (error instanceof McpRuntimeError) this.#failed(asked, error.reason, took)
      else if (asked.what === "use" && isReason(error)) this.#failed(asked, error, took)
      else this.check(false, "a call fails with a McpRuntimeError", String(error))
    }
  }

  #failed(asked: Asked, reason: Reason, took: number): void {
    const { token } = asked
    const kind = reason._tag === "DeadlineExceeded" ? ` (${reason.kind}, ${reason.delivery})` : ""
    this.count(`caller: ${reason._tag}${kind}`)
    this.check(
      this.#isExplained(asked, reason),
      "a call fails only for what was done to it",
      `${token} (${asked.what} of ${asked.server}): ${reason.message}`
    )
    if (reason._tag === "DeadlineExceeded") {
      const { afterMillis, delivery, kind } = reason
      this.check(
        took >= afterMillis - 1,
        "no deadline passes early",
        `${token}: ${took} of ${afterMillis} ms, ${kind}`
      )
      const reader = this.#readers.get(token)
      const isLate = delivery === "Unknown" && (kind === "idle" || kind === "hard") && reader?.diedAt !== undefined &&
        reader.diedAt < this.now() - 1 - (this.stalledMillis - asked.stalledBefore) && !asked.mayRepeat
      this.check(!isLate, "a call whose connection is lost does not wait for its deadline", `${token}: ${kind}`)
      const answeredAt = this.#answered.get(token)
      const isIgnored = answeredAt !== undefined && answeredAt < this.now() - 1 - this.stalledMillis
      this.check(!isIgnored, "a call that is answered does not wait for its deadline", `${token}: ${kind}`)
    }
    if (!claimsNotRun(reason)) return
    this.#denied.set(token, reason._tag)
    this.check(
      !this.#runs.has(token),
      "what failed as not sent or refused never runs",
      `${token}: ${reason._tag}`
    )
  }

  #isExplained(asked: Asked, reason: Reason): boolean {
    const wrongs = this.#wrongs.get(asked.token)
    const { isCalm, policy } = this.#scenario
    switch (reason._tag) {
      case "ServerError":
        return wrongs?.has("error") === true || wrongs?.has("declined") === true || wrongs?.has("mismatched") === true
      case "InvalidAnswer":
        return wrongs?.has("malformed") === true
      case "HttpRejected":
        return wrongs?.has("rejected") === true
      case "OutcomeUnknown":
        return this.isClosing || wrongs?.has("gateway") === true || this.#hasDied(asked) ||
          this.wasReplaced(asked.server, asked.at)
      case "UnknownServer":
        // Who is not told yet when another config is taken asks for the server that bears the name then.
        return !asked.wasConfigured || (asked.what === "subscribe" && this.wasReplaced(asked.server, asked.at))
      case "ShuttingDown":
        return this.isClosing
      case "DeadlineExceeded":
        return reason.kind === "caller" || reason.kind === "acquire" || asked.what === "use" || !isCalm
      case "TooBusy":
        return policy.maxWaiters !== undefined
      case "ConnectionLost":
        return !isCalm || (asked.what === "use" && (this.isClosing || this.wasReplaced(asked.server, asked.at)))
      case "Unreachable":
      case "ServerExited":
      case "HandshakeFailed":
      case "HandshakeTimeout":
      case "NotReady":
      case "Quarantined":
        return !isCalm
      default:
        return false
    }
  }

  /** Some connection to its server was lost since it was asked. */
  #hasDied({ at, server }: Asked): boolean {
    return this.sessions.some((session) =>
      session.server === server && session.diedAt !== undefined && session.diedAt >= at - 1
    )
  }

  /** Nobody has asked for long: nothing may be held, waited for or left unsaid. */
  atRest({ keys, leases, waiting }: PoolSnapshot.PoolSnapshot): void {
    const { life, maxConnections, policy, servers } = this.#scenario
    const kept = servers.filter(({ name }) => life.warm.includes(name) || this.isWatched(name))
    this.lifeAtRest(
      (server) => keys.some(({ isWarm, key }) => isWarm && key === server),
      // Every dial works, and there is room for all that nobody takes away from the others.
      () =>
        this.#scenario.isCalm && policy.reuse !== false &&
        kept.length * (policy.maxConnectionsPerKey ?? 1) <= maxConnections,
      policy.reuse !== false && policy.maxConnectionsPerKey === 1
    )
    this.check(leases === 0, "no lease is lost", `${leases} leases`)
    this.check(waiting === 0, "no waiter is forgotten", `${waiting} waiting`)
    for (const { isDeaf, listeners, peer, server, unanswered } of this.sessions) {
      if (!peer.isOpen() || isDeaf) continue
      // What is kept connected is asked for a sign of life for ever, and told anew of what is watched whenever it is lost.
      const isProbed = this.#scenario.life.warm.includes(server) || this.isWatched(server)
      const isProbe = (method: string | undefined) =>
        isProbed && (method === undefined || ["ping", "server/discover", "resources/subscribe"].includes(method))
      const pending = peer.pending().filter((id) => !listeners.has(id) && !isProbe(unanswered.get(id)))
      this.check(pending.length === 0, "no call is left on a link", `${server}: ${pending.join(", ")}`)
      const left = [...unanswered.values()].filter((method) => !isProbe(method))
      this.check(
        left.length === 0,
        "a server is told of every call that nobody waits for any more",
        `${server}: ${left.join(", ")}`
      )
    }
  }

  /** A server was called that is met once. */
  visited(exit: Exit.Exit<unknown, McpRuntimeError>): void {
    if (exit._tag === "Success") return this.count("caller: visited a stranger")
    const reasons = exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error.reason._tag : reason._tag)
    const isExplained = reasons.every((tag) => tag === "DeadlineExceeded" || tag === "ShuttingDown") || this.isClosing
    this.check(isExplained, "a stranger does no wrong", reasons.join())
  }

  /** A request with a hard deadline of its own has ended, so long after it began. */
  kept(asked: Asked, hard: number, tookMillis: number): void {
    this.check(
      tookMillis <= hard + grace,
      "a hard deadline begins once",
      `${asked.token}: ${tookMillis} ms of ${hard} ms`
    )
    this.count("caller: kept a hard deadline of its own")
  }

  /** How much is remembered of servers, while so many connections are open. */
  remembers(servers: number, limit: number, connections: number): void {
    this.check(servers <= limit + connections, "what is remembered of servers is bounded", `${servers} of ${limit}`)
  }

  /** A line of the log that tells of something gone wrong. */
  logged(line: string): void {
    if (line.includes(faultOfTheUser)) return this.count("the log was told of a fault of the user's")
    this.check(!/(failed|threw)\b.*Error:/s.test(line), "nothing of the runtime throws inside an event", line)
  }

  closed(tookMillis: number): void {
    const limit = Number(this.#scenario.policy.drainTimeout)
    this.check(tookMillis <= limit + grace, "closing ends within its deadline", `${tookMillis} ms of ${limit} ms`)
    for (const { peer, server } of this.sessions) {
      this.check(!peer.isOpen(), "no connection is left after close", server)
    }
  }

  atEnd(report: Simulation.Report<unknown, unknown>): void {
    const failure = Simulation.failureOf(report)
    this.check(failure === undefined, "the program ends, without a defect", String(failure))
    for (const asked of this.#calls.values()) this.check(asked.isSettled, "every call settles", asked.token)
    if (report.verdict !== "finished") return
    this.check(report.tasksLeft === 0, "no fiber is left after close", `${report.tasksLeft} tasks`)
    this.check(
      report.sleepersLeft === 0 || this.stalledMillis > 0,
      "no timer is left after close",
      `${report.sleepersLeft} timers`
    )
  }

  crashed(error: unknown): void {
    this.check(false, "the runtime does not throw", error instanceof Error ? `${error.stack}` : String(error))
  }
}

const isReason = Schema.is(Reasons)

/** What the caller may take for not executed. */
const claimsNotRun = (reason: Reason): boolean => {
  switch (reason._tag) {
    case "DeadlineExceeded":
      return reason.delivery !== "Unknown"
    case "OutcomeUnknown":
    case "ServerError":
    case "InvalidAnswer":
      return false
    default:
      return true
  }
}
