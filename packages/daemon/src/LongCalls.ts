/**
 * Calls of tools that outlast a host's limit: they are answered in time with "still running, ask again with this id", and one more tool of the
 * server gives the result. Pure, as `HostSession` is, before which it stands; it is told what happens, and its clock is a function.
 *
 * Promises
 * - A call that has no answer after `limit` milliseconds is answered with a result that names its id and the tool that gives its result. The call
 *   goes on, and is not sent again. All that is faster passes byte for byte.
 * - The tool, `get_result` or a name that the server does not use, is in the last page of the server's list of tools. It waits for the
 *   result as long as a call may take, and then says again that it is still running. It gives the result as the server wrote it, as often as it is
 *   asked.
 * - A result is kept for `keep` milliseconds after the call has ended. At most `most` calls are kept; for one more the oldest that has ended
 *   goes, and if none has ended the call is left to its host's limit. What is gone is said to be gone.
 *
 * Gotchas: everything here ends with the process. A tool that has an `outputSchema` cannot be answered with anything else than that says: the answer
 * is marked as an error for it, without structured content.
 */
import * as RawMessage from "./RawMessage.ts"

/** When a call is long, for how long its result is kept, and where lines go. */
export interface LongCallsOptions {
  /** Milliseconds. */
  readonly limit: number
  /** Milliseconds. Default: one hour. */
  readonly keep?: number | undefined
  /** Default: 100. */
  readonly most?: number | undefined
  /** Gives the host a line. */
  readonly toHost: (text: string) => void
  /** Gives the session what the host says. */
  readonly toSession: (text: string) => void
  /** Runs something after so many milliseconds. Returns what keeps it from that. */
  readonly later: (millis: number, run: () => void) => () => void
  /** An id that was not given before. */
  readonly newId: () => string
}

/** A call of the host that is not answered. */
interface Call {
  /** As it is written. */
  readonly id: string
  readonly tool: string
  readonly isModern: boolean
  readonly progressToken: string | undefined
  readonly stop: () => void
}

/** A call that the host was told of: it goes on, or has ended. */
interface Kept {
  readonly id: string
  readonly call: Call
  answer: RawMessage.RawMessage | undefined
  /** Those that ask for it now, by the keys of their ids. */
  readonly waiting: Map<string, Call>
}

const hour = 3_600_000

/** The long calls of one host. Each line of the host and of the session goes through it. */
export class LongCalls {
  readonly #options: LongCallsOptions
  /** By the keys of their ids. */
  readonly #calls = new Map<string, Call>()
  /** By the ids that the host was told. */
  readonly #kept = new Map<string, Kept>()
  /** The same, by the keys of the ids of the calls, while they go on. */
  readonly #running = new Map<string, Kept>()
  /** Requests for pages of the list of tools, by the keys of their ids: whether each is for the first one. */
  readonly #lists = new Map<string, boolean>()
  /** The server's own tools: whether they have a schema of what they answer. */
  readonly #tools = new Map<string, boolean>()
  /** As the host knows it. */
  #name: string | undefined

  constructor(options: LongCallsOptions) {
    this.#options = options
  }

  /** Calls that go on although no request waits for them now. */
  get unawaited(): number {
    return [...this.#running.values()].filter(({ waiting }) => waiting.size === 0).length
  }

  /** A line of the host. */
  hostSaid(text: string): void {
    const messages = RawMessage.read(text)
    if (typeof messages === "string") return this.#options.toSession(text)
    for (const message of messages) if (!this.#take(message)) this.#options.toSession(message.text)
  }

  /** A line for the host. */
  sessionSaid(text: string): void {
    const messages = RawMessage.read(text)
    if (typeof messages === "string") return this.#options.toHost(text)
    for (const message of messages) this.#heard(message)
  }

  /** True: it is not for the server. */
  #take(message: RawMessage.RawMessage): boolean {
    const { id, kind, method } = message
    if (method === "notifications/cancelled") return this.#cancelled(message)
    if (kind !== "request" || id === undefined) return false
    const key = RawMessage.keyOf(id)
    const params = RawMessage.paramsOf(message)
    // What has an answer already cannot have another one.
    if (this.#running.has(key)) {
      const error = { code: -32600, message: "a request with this id has been answered, and goes on" }
      this.#options.toHost(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`)
      return true
    }
    if (method === "tools/list") this.#lists.set(key, params["cursor"] === undefined)
    // A call that becomes a task can be asked for by itself.
    if (method !== "tools/call" || typeof params["name"] !== "string" || "task" in params || this.#calls.has(key)) {
      return false
    }
    const { id: wanted } = RawMessage.membersOf(params["arguments"])
    const kept = typeof wanted === "string" ? this.#kept.get(wanted) : undefined
    const { name: tool } = params
    const isOurs = this.#name === undefined ? tool === names(0) && kept !== undefined : tool === this.#name
    const call: Call = {
      id,
      tool,
      isModern: RawMessage.textAt(message, RawMessage.paths.revision) !== undefined,
      progressToken: RawMessage.textAt(message, RawMessage.paths.progressToken),
      stop: this.#options.later(
        this.#options.limit,
        () => isOurs ? this.#stillRunning(key, kept) : this.#outlasted(key)
      )
    }
    if (!isOurs) {
      this.#calls.set(key, call)
      return false
    }
    this.#ask(key, call, kept)
    return true
  }

  #cancelled(message: RawMessage.RawMessage): boolean {
    const id = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const key = id === undefined ? "" : RawMessage.keyOf(id)
    this.#calls.get(key)?.stop()
    this.#calls.delete(key)
    for (const { waiting } of this.#kept.values()) {
      const call = waiting.get(key)
      call?.stop()
      if (waiting.delete(key)) return true
    }
    // It has had an answer, and is to go on.
    return this.#running.has(key)
  }

  #heard(message: RawMessage.RawMessage): void {
    const { id, kind, method } = message
    if (kind === "response" && id !== undefined) {
      const key = RawMessage.keyOf(id)
      const kept = this.#running.get(key)
      if (kept !== undefined) return this.#ended(key, kept, message)
      this.#calls.get(key)?.stop()
      this.#calls.delete(key)
      const isFirst = this.#lists.get(key)
      this.#lists.delete(key)
      return this.#options.toHost(isFirst === undefined ? message.text : this.#withTool(message, isFirst))
    }
    if (method === "notifications/progress") {
      const token = RawMessage.textAt(message, RawMessage.paths.progress)
      const kept = [...this.#running.values()].find(({ call }) =>
        call.progressToken !== undefined && call.progressToken === token
      )
      if (kept !== undefined) return this.#progress(kept, message)
    }
    this.#options.toHost(message.text)
  }

  /** The call has had its answer: those that ask for its result are told. */
  #progress(kept: Kept, message: RawMessage.RawMessage): void {
    for (const { progressToken } of kept.waiting.values()) {
      if (progressToken === undefined) continue
      this.#options.toHost(RawMessage.replaced(message, [[RawMessage.paths.progress, progressToken]]).text)
    }
  }

  #outlasted(key: string): void {
    const call = this.#calls.get(key)
    if (call === undefined || !this.#makeRoom()) return
    this.#calls.delete(key)
    const kept: Kept = { id: this.#options.newId(), call, answer: undefined, waiting: new Map() }
    this.#kept.set(kept.id, kept)
    this.#running.set(key, kept)
    this.#sayRunning(call, kept)
  }

  /** False: there is none. */
  #makeRoom(): boolean {
    if (this.#kept.size < (this.#options.most ?? 100)) return true
    const ended = [...this.#kept.values()].find(({ answer }) => answer !== undefined)
    if (ended !== undefined) this.#kept.delete(ended.id)
    return ended !== undefined
  }

  #ended(key: string, kept: Kept, answer: RawMessage.RawMessage): void {
    this.#running.delete(key)
    kept.answer = answer
    for (const call of kept.waiting.values()) {
      call.stop()
      this.#give(call, answer)
    }
    kept.waiting.clear()
    // By when it has ended, for the one that goes first.
    this.#kept.delete(kept.id)
    this.#kept.set(kept.id, kept)
    this.#options.later(this.#options.keep ?? hour, () => this.#kept.delete(kept.id))
  }

  #ask(key: string, call: Call, kept: Kept | undefined): void {
    if (kept !== undefined && kept.answer === undefined) return void kept.waiting.set(key, call)
    call.stop()
    if (kept?.answer !== undefined) return this.#give(call, kept.answer)
    this.#say(call, {
      content: [{
        type: "text",
        text:
          `There is no result under this id. A result is kept for ${this.#time} after its call has ended, the last ` +
          `${
            this.#options.most ?? 100
          } of them, and none when holdfast or its host was started again. What the call has done is done.`
      }],
      isError: true
    })
  }

  #stillRunning(key: string, kept: Kept | undefined): void {
    const call = kept?.waiting.get(key)
    if (kept === undefined || call === undefined) return
    kept.waiting.delete(key)
    this.#sayRunning(call, kept)
  }

  #sayRunning(call: Call, { call: { tool }, id }: Kept): void {
    const name = this.#name ?? names(0)
    const text =
      `The call of ${tool} is still running. It goes on, and is not to be made again. Ask for its result with the tool ` +
      `${name} and the argument {"id":"${id}"}. The result is kept for ${this.#time} after the call has ended, and only while this session lives.`
    const isBound = call.tool !== name && this.#tools.get(call.tool) === true
    this.#say(call, {
      content: [{ type: "text", text }],
      ...(isBound ? { isError: true } : { structuredContent: { status: "running", id, tool: name } })
    })
  }

  get #time(): string {
    return `${Math.ceil((this.#options.keep ?? hour) / 60_000)} minutes`
  }

  #say({ id, isModern }: Call, result: object): void {
    const said = JSON.stringify({ ...(isModern && { resultType: "complete" }), ...result })
    this.#options.toHost(`{"jsonrpc":"2.0","id":${id},"result":${said}}`)
  }

  #give({ id }: Call, answer: RawMessage.RawMessage): void {
    this.#options.toHost(RawMessage.replaced(answer, [[RawMessage.paths.id, id]]).text)
  }

  /** A page of the server's tools. Ours is in the last one. */
  #withTool(page: RawMessage.RawMessage, isFirst: boolean): string {
    const { nextCursor, tools } = RawMessage.membersOf(page.value["result"])
    const written = RawMessage.textAt(page, path)
    if (!Array.isArray(tools) || written === undefined) return page.text
    if (isFirst) this.#tools.clear()
    for (const tool of tools) {
      const { name, outputSchema } = RawMessage.membersOf(tool)
      if (typeof name === "string") this.#tools.set(name, outputSchema !== undefined)
    }
    if (typeof nextCursor === "string") return page.text
    let n = 0
    while (this.#tools.has(names(n))) n++
    this.#name = names(n)
    const more = `${written.slice(0, -1).trimEnd()}${tools.length === 0 ? "" : ","}${
      JSON.stringify(toolNamed(this.#name))
    }]`
    return RawMessage.replaced(page, [[path, more]]).text
  }
}

const path = ["result", "tools"]

const names = (n: number): string => n === 0 ? "get_result" : `get_result_${n + 1}`

const toolNamed = (name: string): object => ({
  name,
  description:
    "Gives the result of a call that was answered with \"still running\". Waits for it, and says again that the call is still running if it takes long.",
  inputSchema: {
    type: "object",
    properties: { id: { type: "string", description: "The id from the answer to that call" } },
    required: ["id"]
  },
  annotations: { readOnlyHint: true, openWorldHint: false }
})
