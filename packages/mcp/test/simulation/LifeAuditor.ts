/**
 * What must be true beside the calls: of questions, of news that were asked for, of servers that are kept warm, of what another
 * config leaves behind.
 */
import type { MemoryPeer } from "@holdfast/mcp/testing"
import type { Question } from "./SimulatedQuestions.ts"
import type { Session } from "./SimulatedServer.ts"

export interface Violation {
  readonly invariant: string
  readonly atMillis: number
  readonly detail: string
}

/** What a name of the config means. */
export interface Meaning {
  readonly instance: number
  /** Said with the instance: another number is another server, too. */
  readonly tweak: number
}

interface Asked {
  readonly server: string
  readonly question: Question
  /** Of a question that is a request: it is wanted as long as this is open. */
  readonly peer: MemoryPeer | undefined
  isHeard: boolean
  isReplied: boolean
  isWithdrawn: boolean
}

interface Watch {
  readonly server: string
  readonly uri: string
  readonly since: number
}

/** Nobody waits longer for a connection. */
const longestWait = 15_000

/** A connection that is older than this has been told everything; what it was told of late may be on its way. */
const settled = 65_000

export class LifeAuditor {
  readonly violations: Array<Violation> = []
  readonly outcomes = new Map<string, number>()
  protected readonly sessions: Array<Session> = []
  readonly #questions = new Map<string, Asked>()
  readonly #watches = new Set<Watch>()
  readonly #wanted = new Set<string>()
  /** When this was said last of a resource. */
  readonly #toldAgain = new Map<string, number>()
  readonly #news = new Map<number, { readonly server: string; isHeard: boolean }>()
  readonly #warm = new Map<string, number>()
  readonly #meanings = new Map<string, Meaning & { readonly since: number }>()
  /** Servers whose books cannot be held against the client: they do not read what they are told, or not in time. */
  readonly #isSlow: (server: string) => boolean
  #answering = 0
  clock: () => number = () => 0
  isClosing = false
  /** A deadline cannot be kept by a program that does not run. */
  stalledMillis = 0

  constructor(isSlow: (server: string) => boolean) {
    this.#isSlow = isSlow
  }

  readonly now = (): number => this.clock()

  protected check(isTrue: boolean, invariant: string, detail: string): void {
    if (!isTrue) this.violations.push({ invariant, atMillis: this.now(), detail })
  }

  protected count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }

  // Questions.

  questioned(server: string, question: Question, isResult: boolean, peer: MemoryPeer): void {
    if (isResult) this.asksBack(question.token)
    this.#questions.set(question.id, {
      server,
      question,
      peer: isResult ? undefined : peer,
      isHeard: false,
      isReplied: false,
      isWithdrawn: false
    })
    this.count("server: asked its client")
  }

  /** The call is answered with a question: it is at no server until it comes back. */
  protected asksBack(_token: string): void {}

  withdrew(question: Question): void {
    const asked = this.#questions.get(question.id)
    if (asked !== undefined) asked.isWithdrawn = true
    this.count("server: withdrew a question")
  }

  replied(question: Question, content: unknown, code: number | undefined): void {
    const asked = this.#questions.get(question.id)
    this.check(asked?.isReplied === false, "a question is answered once", question.id)
    this.check(asked?.isHeard === true, "what is answered was heard", question.id)
    if (asked !== undefined) asked.isReplied = true
    const isOwn = code === undefined
      ? JSON.stringify(content) === JSON.stringify(question)
      : code === declined || code === crashed
    this.check(isOwn, "a question gets its own answer", `${question.id}: ${JSON.stringify(content)} ${code}`)
    this.count(code === undefined ? "server: got an answer" : `server: got the error ${code} for an answer`)
  }

  puzzled(server: string, id: unknown): void {
    this.check(false, "nobody is answered who did not ask, nor twice", `${server}: ${String(id)}`)
  }

  /** A question has reached the user of `server`; what is returned is called when the user is done, or interrupted. */
  heard(server: string, question: Question): (isInterrupted: boolean) => void {
    const asked = this.#questions.get(question.id)
    this.check(asked?.server === server, "a question comes with the name of who asks", `${question.id} of ${server}`)
    this.check(asked?.isHeard === false, "a question is put once", question.id)
    if (asked !== undefined) asked.isHeard = true
    this.#answering++
    let isDone = false
    return (isInterrupted) => {
      if (isDone) return
      isDone = true
      this.#answering--
      const isWanted = asked?.isWithdrawn !== true && asked?.peer?.isOpen() !== false
      this.check(isInterrupted || isWanted, "who answers for nobody is interrupted", question.id)
    }
  }

  // News.

  /** Somebody asks to be told. */
  wantsToWatch(server: string, uri: string): void {
    this.#wanted.add(`${server} ${uri}`)
  }

  /** Somebody is told that a server will tell; what is returned is called when it need not any more. */
  watches(server: string, uri: string): () => void {
    const watch: Watch = { server, uri, since: this.now() }
    this.#watches.add(watch)
    this.count("caller: watches a resource")
    return () => void this.#watches.delete(watch)
  }

  told(session: Session): number {
    const serial = this.#news.size + 1
    this.#news.set(serial, { server: session.server, isHeard: false })
    return serial
  }

  heardNews(server: string, serial: number): void {
    const news = this.#news.get(serial)
    this.check(news?.server === server, "news come under the name of who tells", `${serial} of ${server}`)
    this.check(news?.isHeard === false, "news come once", `${serial} of ${server}`)
    if (news !== undefined) news.isHeard = true
    this.count("caller: heard news")
  }

  /** The runtime says that something may have been missed. */
  toldToReadAgain(server: string, uri: string): void {
    this.#toldAgain.set(`${server} ${uri}`, this.now())
    const isWanted = this.#wanted.has(`${server} ${uri}`)
    this.check(isWanted, "nobody is told to read again what he never wanted to hear of", `${server}: ${uri}`)
    this.count("caller: was told to read again")
  }

  /** A call in the old way. Whoever is asked that way has been told before what to tell of. */
  protected usedInTheOldWay(session: Session): void {
    const meaning = this.#meanings.get(session.server)
    if (this.#isSlow(session.server) || this.stalledMillis > 0 || meaning?.instance !== session.instance) return
    // Callers of what the name meant before may still be waiting, and are given a connection that is nobody else's.
    if (meaning.since > 0 && this.now() - meaning.since < longestWait) return
    for (const { server, since, uri } of this.#watches) {
      if (server !== session.server || since >= session.openedAt) continue
      this.check(
        session.subscribed.has(uri),
        "a connection is told what to tell of before it is used",
        `${server}: ${uri}`
      )
      this.count("server: knew what to tell of at its first call")
    }
  }

  // What is kept connected.

  keepsWarm(server: string): () => void {
    this.#warm.set(server, (this.#warm.get(server) ?? 0) + 1)
    return () => void this.#warm.set(server, (this.#warm.get(server) ?? 0) - 1)
  }

  // Other configs.

  isConfigured(server: string): boolean {
    return this.#meanings.has(server)
  }

  /** From now on names mean this. */
  configured(meanings: ReadonlyMap<string, Meaning>): void {
    for (const name of [...this.#meanings.keys()]) if (!meanings.has(name)) this.#meanings.delete(name)
    for (const [name, { instance, tweak }] of meanings) {
      const before = this.#meanings.get(name)
      if (before?.instance === instance && before.tweak === tweak) continue
      this.#meanings.set(name, { instance, tweak, since: this.now() })
    }
    this.count("a config was taken")
  }

  /** Whether the name has been given another meaning since then. */
  protected wasReplaced(server: string, since: number): boolean {
    const meaning = this.#meanings.get(server)
    return meaning === undefined || meaning.since >= since
  }

  /** Somebody listens to it, and does nothing else. */
  protected isWatched(server: string): boolean {
    return [...this.#watches].some((watch) => watch.server === server)
  }

  /** Nobody has done anything for long. `isKept`: the pool keeps it connected. `isSingle`: a server has one connection at a time. */
  protected lifeAtRest(
    isKept: (server: string) => boolean,
    canBeWarm: (server: string) => boolean,
    isSingle: boolean
  ): void {
    this.check(this.#answering === 0, "no user is asked for nobody", `${this.#answering} questions`)
    for (const [serial, { isHeard, server }] of this.#news) {
      this.check(isHeard, "all news are heard", `${serial} of ${server}`)
    }
    const open = this.sessions.filter(({ peer }) => peer.isOpen())
    for (const { instance, isDeaf, openedAt, questions, server } of open) {
      const meaning = this.#meanings.get(server)
      this.check(
        meaning?.instance === instance && openedAt >= meaning.since,
        "no connection of a server that is not meant any more is left",
        `${server}, instance ${instance}`
      )
      const left = questions.open().map(({ id }) => id)
      this.check(isDeaf || left.length === 0, "every question is answered", `${server}: ${left.join(", ")}`)
    }
    for (const [server, keepers] of this.#warm) {
      if (keepers === 0 || !this.#meanings.has(server)) continue
      this.check(isKept(server), "a warm server is not forgotten", server)
      if (!canBeWarm(server)) continue
      const isThere = open.some((session) => session.server === server)
      this.check(isThere, "a warm connection is there without a call", server)
      this.count("caller: found it warm")
    }
    for (const { server } of this.#watches) {
      if (!this.#meanings.has(server)) continue
      this.check(isKept(server), "a subscription keeps its server connected", server)
      if (!canBeWarm(server)) continue
      const isThere = open.some((session) => session.server === server)
      this.check(isThere, "a server that is only listened to is connected without a call", server)
      this.count("caller: only listens, at rest")
    }
    if (this.stalledMillis > 0) return
    this.#subscriptionsAtRest(open)
    if (isSingle) this.#gapsAtRest(open)
  }

  /** Whoever has watched since before a connection that is there now has missed what was said until it was there. */
  #gapsAtRest(open: ReadonlyArray<Session>): void {
    for (const { isDeaf, openedAt, server } of open) {
      if (isDeaf || this.#isSlow(server) || this.now() - openedAt < settled) continue
      for (const watch of this.#watches) {
        if (watch.server !== server || watch.since >= openedAt) continue
        const told = this.#toldAgain.get(`${server} ${watch.uri}`) ?? Number.NEGATIVE_INFINITY
        this.check(told >= openedAt, "who may have missed something is told to read again", `${server}: ${watch.uri}`)
        this.count("caller: knows of a gap, at rest")
      }
    }
  }

  #subscriptionsAtRest(open: ReadonlyArray<Session>): void {
    const wanted = new Map<string, Set<string>>()
    for (const { server, uri } of this.#watches) {
      const uris = wanted.get(server) ?? new Set()
      wanted.set(server, uris.add(uri))
    }
    for (const session of open) {
      const { initialized, isDeaf, listened, openedAt, server, subscribed } = session
      if (isDeaf || this.#isSlow(server) || this.now() - openedAt < settled) continue
      const uris = [...wanted.get(server) ?? []].toSorted()
      if (listened !== undefined) {
        this.check(
          JSON.stringify(uris) === JSON.stringify([...listened].toSorted()),
          "a modern server is asked for exactly what is wanted",
          `${server}: ${uris.join()} wanted, ${[...listened].join()} asked for`
        )
      } else if (initialized) {
        const missing = uris.filter((uri) => !subscribed.has(uri))
        this.check(
          missing.length === 0,
          "a subscription is there as long as it is wanted",
          `${server}: ${missing.join()}`
        )
      }
      if (uris.length > 0) this.count("server: asked to tell, at rest")
    }
  }
}

/** What is thrown by code that is not the runtime's. */
export const faultOfTheUser = "the user's program has failed"

/** What the user says by refusing, and what the user's program says when it fails. */
export const declined = -1
const crashed = -32603
