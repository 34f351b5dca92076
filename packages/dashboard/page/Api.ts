/** What the page asks of its host. All of it goes to where the page came from. */
import type { Action, Done, Entered, LogLine, Problem, Why } from "../src/DashboardContract.ts"
import { reader, type SentEvent } from "./ServerSentEvents.ts"

/** The host has refused something, in words for people. */
export class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** `DashboardAccess.header`, which would bring all of Effect along. */
const header = "holdfast-session"

const kept = "holdfast-session"

/** The secret of this tab: it outlives a reload, and goes with the tab. */
const session = (): string => sessionStorage.getItem(kept) ?? ""

const explained = async (answer: Response): Promise<Refused> => {
  const { message }: Problem = await answer.json().catch(() => ({ message: `the host has answered ${answer.status}` }))
  return new Refused(answer.status, message)
}

/** Both sides are of one version: what the host says has the types of the contract. */
const ask = async <A>(path: string, body?: object, signal?: AbortSignal): Promise<A> => {
  const answer = await fetch(path, {
    headers: { [header]: session(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal })
  })
  if (!answer.ok) throw await explained(answer)
  return answer.json()
}

/**
 * Gives the token of the address for the secret of a session, and takes it out of the address. Without a token the session of the tab goes on.
 */
export const enter = async (): Promise<void> => {
  const token = location.hash.slice(1)
  if (token === "") return
  history.replaceState(null, "", location.pathname)
  sessionStorage.setItem(kept, (await ask<Entered>("api/enter", { token })).session)
}

/** Asks for an action. */
export const act = (action: Action): Promise<Done> => ask("api/do", action)

/** Asks why a server or a job is as it is. */
export const why = (of: string, signal: AbortSignal): Promise<Why> =>
  ask(`api/why?of=${encodeURIComponent(of)}`, undefined, signal)

/** No word for so long, not even that there is nothing: the host is gone, or this machine has slept. */
const silence = 25_000

/** Reads a stream until it ends. Rejects with `Refused`, or when the host is gone. */
const follow = async (path: string, signal: AbortSignal, tell: (event: SentEvent) => void): Promise<void> => {
  const ending = new AbortController()
  const abort = () => ending.abort()
  signal.addEventListener("abort", abort)
  let timer = setTimeout(abort, silence)
  try {
    const answer = await fetch(path, { headers: { [header]: session() }, signal: ending.signal })
    if (!answer.ok) throw await explained(answer)
    if (answer.body === null) return
    const read = reader()
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(timer)
      timer = setTimeout(abort, silence)
      for (const event of read(piece)) tell(event)
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", abort)
  }
}

/** How long to wait after so many tries: half a second, doubled, ten seconds at most. */
export const pauseAfter = (tries: number): number => Math.min(10_000, 500 * 2 ** Math.min(tries, 10))

/**
 * Follows a stream for ever: when it ends it is asked for again. `onLost` is told why, each time; a `Refused` of 401 is the end, because no
 * further try could be let in.
 */
const followForEver = async (
  path: string,
  signal: AbortSignal,
  tell: (event: SentEvent) => void,
  onLost: (reason: unknown) => void
): Promise<void> => {
  let tries = 0
  while (!signal.aborted) {
    try {
      await follow(path, signal, (event) => {
        tries = 0
        tell(event)
      })
      if (!signal.aborted) onLost(undefined)
    } catch (error) {
      if (signal.aborted) return
      onLost(error)
      if (error instanceof Refused && error.status === 401) return
    }
    await new Promise((resolve) => setTimeout(resolve, pauseAfter(tries++)))
  }
}

/** Everything that the page shows, as it changes. */
export const live = (
  signal: AbortSignal,
  tell: (event: SentEvent) => void,
  onLost: (reason: unknown) => void
): Promise<void> => followForEver("api/live", signal, tell, onLost)

/** The lines of a log, as they come. `onBegin`: what follows is the past anew. */
export const log = (
  of: string,
  signal: AbortSignal,
  { onBegin, onLines, onProblem }: {
    readonly onBegin: () => void
    readonly onLines: (lines: ReadonlyArray<LogLine>) => void
    readonly onProblem: (message: string) => void
  }
): Promise<void> => {
  let isNew = true
  return followForEver(`api/log?of=${encodeURIComponent(of)}`, signal, ({ data, name }) => {
    if (name === "problem") {
      const { message }: Problem = JSON.parse(data)
      return onProblem(message)
    }
    if (isNew) onBegin()
    isNew = false
    onLines(JSON.parse(data))
  }, () => void (isNew = true))
}
