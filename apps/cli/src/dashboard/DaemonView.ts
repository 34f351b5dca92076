/**
 * What a page shows of a daemon: made of its status, its events and its samples, as they come. It outlives the daemon: what has happened stays,
 * and goes on with the next one.
 *
 * Plain and synchronous. What has happened is bounded.
 */
import type * as Contract from "@holdfast/daemon/ControlContract"
import type {
  CallRow,
  Chart,
  Fact,
  FailureRow,
  Head,
  Holder,
  RefusedRow,
  Sample,
  ServerRow,
  SessionRow,
  Snapshot,
  WaitingRow
} from "@holdfast/dashboard/DashboardContract"
import { sizeOf } from "../Sizes.ts"
import { firstLine } from "../Table.ts"

/** Rows that a page is given at first. It keeps more. */
const most = { calls: 2000, refused: 200, failures: 200, samples: 240 } as const

const actions = ["reset", "drain", "close"] as const

const charts: ReadonlyArray<Chart> = [
  {
    title: "Calls in 15 s",
    unit: "count",
    series: [{ key: "calls", label: "calls" }, { key: "failures", label: "failures" }]
  },
  {
    title: "At once",
    unit: "count",
    series: [{ key: "inFlight", label: "in flight" }, { key: "waiting", label: "waiting" }]
  },
  {
    title: "Processes",
    unit: "count",
    series: [{ key: "processes", label: "processes" }, { key: "sessions", label: "programs" }]
  },
  {
    title: "Memory",
    unit: "bytes",
    series: [{ key: "memory", label: "servers" }, { key: "ownMemory", label: "the daemon" }]
  }
]

/** The words of `ServerRow.id`: a process by its number, what has none by its name. */
export const wordOf = (id: string): string => {
  const [pid = "", , ...name] = id.split("|")
  return pid === "" ? name.join("|") : pid
}

export class DaemonView {
  #calls: ReadonlyArray<CallRow> = []
  #refused: ReadonlyArray<RefusedRow> = []
  #failures: ReadonlyArray<FailureRow> = []
  #samples: ReadonlyArray<Sample> = []
  #status: Contract.DaemonStatus | undefined
  #gone: string | undefined
  #seq = 0
  /** When the status was told. */
  #at = 0

  /** It is there, and is like that at a time. */
  tellStatus(status: Contract.DaemonStatus, at: number): void {
    this.#status = status
    this.#gone = undefined
    this.#at = at
  }

  /** It has ended, or there is none. `message`: what to do next. */
  tellGone(message: string, at: number): void {
    if (this.#gone === undefined && this.#status !== undefined) {
      this.#fail("the daemon", `process ${this.#status.pid} has ended`, at)
    }
    this.#gone = message
  }

  /** Numbers of events begin anew with each daemon. These do not. */
  tellEvent(event: Contract.Event): void {
    const { at } = event
    switch (event.event) {
      case "called":
        this.#calls = [...this.#calls.slice(1 - most.calls), callOf(event, ++this.#seq)]
        return
      case "refused": {
        const { by, message, reason, server } = event
        const row = {
          seq: ++this.#seq,
          at,
          reason,
          message,
          ...(server === undefined ? {} : { server }),
          ...(by === undefined ? {} : { by: holderOf(by) })
        }
        this.#refused = [...this.#refused.slice(1 - most.refused), row]
        return
      }
      case "failed":
        return this.#fail(event.server, `at ${event.step}: ${event.message}`, at)
      case "lost":
        return this.#fail(event.server, `process ${event.pid}: ${event.message}`, at)
    }
  }

  /** All that the daemon knows, the newest last. */
  tellSamples(samples: ReadonlyArray<Sample>): void {
    const last = this.#samples.at(-1)?.at ?? Number.NEGATIVE_INFINITY
    this.#samples = [...this.#samples, ...samples.filter(({ at }) => at > last)].slice(-most.samples)
  }

  /** For a daemon that keeps none: what its last status says. `since`: when the one before was taken. */
  sampleNow(since: number, at: number): void {
    if (this.#status === undefined || this.#gone !== undefined) return
    const { memory, servers, sessions } = this.#status
    const recent = this.#calls.filter((call) => call.at > since)
    const sizes = servers.flatMap(({ memory }) => memory === undefined ? [] : [memory.pss ?? memory.rss])
    const values = {
      calls: recent.length,
      failures: recent.filter(({ mood }) => mood === "bad").length,
      inFlight: sum(servers.map(({ inFlight = 0 }) => inFlight)),
      waiting: sum(servers.map(({ waiting }) => waiting)),
      processes: servers.filter(({ pid }) => pid !== undefined).length,
      sessions: sessions.length,
      ...(sizes.length === 0 ? {} : { memory: sum(sizes) }),
      ...(memory === undefined ? {} : { ownMemory: memory.pss ?? memory.rss })
    }
    this.tellSamples([{ at, values }])
  }

  /** Everything, as it is now. */
  get snapshot(): Snapshot {
    const status = this.#gone === undefined ? this.#status : undefined
    return {
      head: this.#head(),
      servers: status === undefined ? [] : serversOf(status, this.#at),
      sessions: status === undefined ? [] : sessionsOf(status),
      waiting: status === undefined ? [] : waitingOf(status, this.#at),
      calls: this.#calls,
      refused: this.#refused,
      failures: this.#failures,
      samples: this.#samples
    }
  }

  #fail(subject: string, message: string, at: number): void {
    const row = { seq: ++this.#seq, at, subject, message: firstLine(message) }
    this.#failures = [...this.#failures.slice(1 - most.failures), row]
  }

  #head(): Head {
    const gone = this.#gone
    const common = {
      kind: "daemon",
      title: "holdfast daemon",
      epoch: "view",
      charts,
      actions: [],
      hasLogs: true,
      hasWhy: true
    } as const
    const status = this.#status
    if (status === undefined || gone !== undefined) {
      return { ...common, state: "gone", message: gone ?? "", facts: [] }
    }
    const { isLeaving, memory, pid, startedAt, version } = status
    return {
      ...common,
      version,
      pid,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(memory === undefined ? {} : { memory: memory.pss ?? memory.rss }),
      state: isLeaving ? "draining" : "live",
      ...(isLeaving ? { message: "This daemon has made way for a newer one, and ends with its last session." } : {}),
      facts: factsOf(status)
    }
  }
}

const holderOf = ({ directory, pid, program }: Contract.SessionStatus): Holder => ({ program, pid, directory })

const callOf = (event: Contract.Event & { readonly event: "called" }, seq: number): CallRow => {
  const { at, by, call, code, delivery, isError, millis, server, tool } = event
  const isBad = isError === true || code !== undefined || !["answered", "cancelled", "left"].includes(delivery)
  return {
    seq,
    at,
    ...(call === undefined ? {} : { call }),
    server,
    name: tool,
    by: holderOf(by),
    outcome: outcomeOf(delivery, code, isError),
    mood: isBad ? "bad" : delivery === "answered" ? "good" : "off",
    millis
  }
}

/** In a few words: whether it may have run is what counts where it was lost. */
const outcomeOf = (delivery: string, code: number | undefined, isError: boolean | undefined): string => {
  if (code !== undefined) return `error ${code}`
  if (isError === true) return "tool error"
  if (delivery === "NotSent") return "lost, has not run"
  if (delivery === "Unknown") return "lost, may have run"
  return delivery
}

const moods: Readonly<Record<Contract.ServerStatus["state"], ServerRow["mood"]>> = {
  starting: "busy",
  "in use": "good",
  idle: "good",
  leaving: "busy",
  "backing off": "bad",
  quarantined: "bad"
}

const originOf = (origin: Contract.Origin): string =>
  origin.from === "config" ? origin.file : `brought along by a program: ${origin.command}`

const serversOf = ({ overview = [], servers }: Contract.DaemonStatus, at: number): ReadonlyArray<ServerRow> => {
  const tools = new Map(overview.map(({ name, tools }) => [name, tools]))
  const counts = new Map<string, number>()
  const rows = servers.map((server): ServerRow => {
    const {
      command,
      era,
      inFlight,
      lastFailure,
      leases,
      memory,
      name,
      origin,
      pid,
      retryInMillis,
      sharing,
      startedAt
    } = server
    const count = counts.get(`${pid} ${name}`) ?? 0
    counts.set(`${pid} ${name}`, count + 1)
    const known = tools.get(name)
    return {
      id: `${pid ?? ""}|${count}|${name}`,
      name,
      state: server.state,
      mood: moods[server.state] ?? "off",
      command,
      ...(origin === undefined ? {} : { origin: originOf(origin) }),
      ...(era === undefined ? {} : { era }),
      sharing,
      ...(pid === undefined ? {} : { pid }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(memory === undefined ? {} : { memory: memory.pss ?? memory.rss }),
      leases: leases.map(holderOf),
      ...(inFlight === undefined ? {} : { inFlight }),
      waiting: server.waiting,
      ...(known === undefined ? {} : { tools: known }),
      ...(server.tasks === undefined ? {} : { tasks: server.tasks }),
      ...(retryInMillis === undefined ? {} : { retryAt: toSecond(at + retryInMillis) }),
      ...(lastFailure === undefined ? {} : { lastFailure }),
      actions
    }
  })
  const running = new Set(servers.map(({ name }) => name))
  const others = overview.filter(({ name }) => !running.has(name)).map((
    { catalogue, name, origin, tools }
  ): ServerRow => ({
    id: `|0|${name}`,
    name,
    state: catalogue === "configured" ? "configured" : "known, not running",
    mood: "off",
    ...(origin === undefined ? {} : { origin: originOf(origin) }),
    leases: [],
    ...(tools === undefined ? {} : { tools }),
    actions: []
  }))
  return [...rows, ...others]
}

/** Counted from when it was told, so that it stays what it was from one status to the next. */
const toSecond = (at: number): number => Math.round(at / 1000) * 1000

/** Not those that only look, as the page itself. */
const isOfServer = ({ wants }: Contract.SessionStatus): boolean => wants !== "the daemon"

const sessionsOf = ({ sessions }: Contract.DaemonStatus): ReadonlyArray<SessionRow> => {
  const counts = new Map<string, number>()
  return sessions.filter(isOfServer).map(({ directory, pid, program, wants }) => {
    const key = `${pid} ${wants}`
    const count = counts.get(key) ?? 0
    counts.set(key, count + 1)
    return { id: `${key} ${count}`, client: program, pid, directory, wants, actions: [] }
  })
}

const waitingOf = (status: Contract.DaemonStatus, at: number): ReadonlyArray<WaitingRow> => {
  const { questions = 0, servers, sessions } = status
  const ofServers = servers.flatMap(({ key, lastFailure, name, pid, retryInMillis, state, waiting }, index) =>
    waiting === 0 ? [] : [{
      id: `server ${key} ${pid ?? index}`,
      subject: name,
      count: waiting,
      because: lastFailure === undefined ? `it is ${state}` : `it is ${state}: ${firstLine(lastFailure)}`,
      ...(retryInMillis === undefined ? {} : { until: toSecond(at + retryInMillis) })
    }]
  )
  const holders = new Set(servers.flatMap(({ leases }) => leases.map(({ pid, wants }) => `${pid} ${wants}`)))
  const ofSessions = sessions
    .filter((session) => isOfServer(session) && !holders.has(`${session.pid} ${session.wants}`))
    .map(({ pid, program, wants }, index) => ({
      id: `session ${pid} ${wants} ${index}`,
      subject: wants,
      because: `${program} (${pid}) has no process of it now`
    }))
  const ofQuestions = questions === 0
    ? []
    : [{ id: "questions", subject: "an answer", count: questions, because: "servers ask: holdfast questions" }]
  return [...ofQuestions, ...ofServers, ...ofSessions]
}

const factsOf = ({ directory, limits, overview = [], questions = 0 }: Contract.DaemonStatus): ReadonlyArray<Fact> => {
  const saving = sum(overview.map(({ sharingWouldSave }) => sharingWouldSave))
  return [
    { label: "Its files", value: directory },
    ...(limits === undefined ? [] : [
      { label: "Processes at most", value: `${limits.processes}, ${limits.perProgram} of one program` },
      { label: "Starts at once", value: String(limits.starts) },
      { label: "Memory to be left", value: sizeOf(limits.memoryReserve) }
    ]),
    ...(saving > 0 ? [{ label: "Sharing would save", value: `${sizeOf(saving)}: holdfast share` }] : []),
    ...(questions > 0 ? [{ label: "Questions", value: `${questions} wait for an answer: holdfast questions` }] : [])
  ]
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)
