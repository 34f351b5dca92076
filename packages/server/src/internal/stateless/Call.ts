/**
 * One call of a client, from its first request to its result: over several requests, if the server asks something on the way.
 *
 * A server with sessions asks and waits. Here the client is answered with the questions instead, and comes back with answers; the handler
 * waits in between, in this process, for as long as the policy lets an unused session live.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/mrtr
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { missingClientCapability } from "@holdfast/protocol/ModernEra"
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
import * as Result from "effect/Result"
import type { Answered, RequestServer, Said } from "./RequestServer.ts"
import { toError } from "./results.ts"
import { isObject, type JsonObject, logLevels, type StatelessRequest } from "./StatelessRequest.ts"
import type { Reply } from "./StatelessTransport.ts"

export interface CallHost {
  /** Runs something as soon as all that could be done now is done. */
  readonly soon: (run: () => void) => void
  /** Keeps a call whose questions are open. Returns what its client comes back with. */
  readonly park: (call: Call) => string
  /** Something that concerns more than this call. */
  readonly publish: (message: JsonRpc.Notification) => void
  /** Makes the result of an answer. */
  readonly toResult: (result: unknown) => JsonObject
  readonly onFault: (message: string, thrown: unknown) => void
  /** It has its answer. `isFree`: the handler has given it, and waits for nothing. */
  readonly done: (isFree: boolean) => void
}

interface Question {
  readonly id: JsonRpc.RequestId
  readonly key: string
  readonly method: string
  readonly params: unknown
}

/** What a client must be able to do, to be asked. */
const needed: ReadonlyMap<string, string> = new Map([
  ["elicitation/create", "elicitation"],
  ["sampling/createMessage", "sampling"],
  ["roots/list", "roots"]
])

/** Requests that may be answered with questions. */
const mayAsk: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"])

/** By which a server names a question itself, in its `_meta`; else it is named by its kind and number. */
export const questionKey = "holdfast/inputKey"

export class Call {
  readonly method: string
  /** What it is about: the name, or the uri. */
  readonly name: unknown
  readonly principal: string
  readonly requestServer: RequestServer
  readonly #host: CallHost
  readonly #params: JsonObject
  readonly #questions = new Map<string, Question>()
  readonly #counts = new Map<string, number>()
  /** What the client has answered and was not used yet. */
  readonly #given: Map<string, JsonObject>
  #request: StatelessRequest
  #reply: Reply | undefined
  #release: () => void = () => {}
  #isAsking = false
  #isOver = false
  /** What became of it while its client was away. */
  #outcome: (() => void) | undefined

  constructor(host: CallHost, requestServer: RequestServer, request: StatelessRequest) {
    this.#host = host
    this.requestServer = requestServer
    this.#request = request
    this.#given = new Map(request.answers)
    this.#params = request.params
    this.method = request.method
    this.name = nameIn(request)
    this.principal = requestServer.session.principal.id
  }

  /** Hands the request over. `params`: as the server is to see them. `release`: the session is in use until then. */
  begin(reply: Reply, params: JsonObject, release: () => void): void {
    this.#reply = reply
    this.#release = release
    this.requestServer.onSaid = (message) => this.#hear(message)
    this.requestServer.request(this.method, params, (answer) => this.#finish(answer))
  }

  /** Goes on with what the client has come back with. */
  resume(reply: Reply, request: StatelessRequest): void {
    this.#request = request
    this.#reply = reply
    this.#release = this.requestServer.session.holdRequest()
    if (this.#outcome !== undefined) return this.#outcome()
    for (const [key, answer] of request.answers) this.#given.set(key, answer)
    for (const question of [...this.#questions.values()]) this.#settle(question)
    // Whatever is not answered is asked again.
    if (this.#questions.size > 0) this.#ask()
  }

  #hear(message: Said): void {
    if (message._tag === "Request") return this.#question(message)
    switch (message.method) {
      case "notifications/message":
        return isLoud(message.params, this.#request.logLevel) ? this.#say(message) : undefined
      case "notifications/progress":
        return this.#progress(message)
      case "notifications/cancelled":
        return this.#withdrawn(message.params)
      default:
        return this.#host.publish(message)
    }
  }

  /** By the token of the request that hears it, which may be another than the one the handler knows. */
  #progress({ method, params }: JsonRpc.Notification): void {
    const { _meta } = this.#request.params
    const progressToken = isObject(_meta) ? _meta["progressToken"] : undefined
    if (progressToken !== undefined && isObject(params)) {
      this.#say({ _tag: "Notification", method, params: { ...params, progressToken } })
    }
  }

  #say({ method, params }: JsonRpc.Notification): void {
    this.#reply?.say(JsonRpc.encodeNotification(method, isObject(params) ? params : undefined))
  }

  #question(message: JsonRpc.Request): void {
    const { id, method, params } = message
    const capability = needed.get(method)
    if (capability === undefined || !mayAsk.has(this.method)) return this.requestServer.refuse(message)
    if (!(capability in this.#request.capabilities)) {
      return this.#fail(400, {
        code: missingClientCapability,
        message: `the client would have to be capable of ${capability}`,
        data: { requiredCapabilities: { [capability]: {} } }
      }, false)
    }
    const count = (this.#counts.get(capability) ?? 0) + 1
    this.#counts.set(capability, count)
    const { key: wanted = `${capability}-${count}`, params: shown } = keyIn(params)
    let key = wanted
    for (let n = 2; this.#questions.has(key); n++) key = `${wanted}-${n}`
    const question = { id, key, method, params: shown }
    this.#questions.set(key, question)
    if (!this.#settle(question)) this.#ask()
  }

  /** Answers a question, if the client has. */
  #settle({ id, key }: Question): boolean {
    const answer = this.#given.get(key)
    if (answer === undefined) return false
    // A client that asks the same again wants another answer.
    this.#given.delete(key)
    this.#questions.delete(key)
    this.requestServer.answer(id, answer)
    return true
  }

  /** The server does not want to know any more. */
  #withdrawn(params: unknown): void {
    const id = isObject(params) ? params["requestId"] : undefined
    for (const [key, question] of this.#questions) if (question.id === id) this.#questions.delete(key)
  }

  /** What is asked in one breath goes in one answer. */
  #ask(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#host.soon(() => {
      this.#isAsking = false
      const reply = this.#reply
      if (this.#isOver || reply === undefined || this.#questions.size === 0) return
      const inputRequests = Object.fromEntries(
        [...this.#questions.values()].map(({ key, method, params }) => [key, { method, params: params ?? {} }])
      )
      const text = Result.try(() =>
        JsonRpc.encodeSuccess(this.#request.id, {
          ...this.#host.toResult({ inputRequests, requestState: this.#host.park(this) }),
          resultType: "input_required"
        })
      )
      if (Result.isFailure(text)) {
        this.#host.onFault("what the server asks cannot be sent", text.failure)
        return this.#fail(
          200,
          { code: JsonRpc.errorCode.internalError, message: "the server's question is no JSON" },
          false
        )
      }
      this.#detach()
      reply.finish(200, text.success)
    })
  }

  #finish(answer: Answered): void {
    if (answer._tag === "Failure") {
      const { error, status } = toError(this.method, this.#params, answer.error)
      return this.#fail(this.requestServer.hasEnded ? 503 : status, error, true)
    }
    this.#close((id) => [200, JsonRpc.encodeSuccess(id, this.#host.toResult(answer.result))], true)
  }

  /** What the server says is its own until it is written: a member may break at the second look. */
  #written(answer: (id: JsonRpc.RequestId) => [status: number, text: string]): [status: number, text: string] {
    const { id } = this.#request
    const written = Result.try(() => answer(id))
    if (Result.isSuccess(written)) return written.success
    this.#host.onFault("what the server said cannot be sent", written.failure)
    const error = { code: JsonRpc.errorCode.internalError, message: "the server's answer is no JSON" }
    return [200, JsonRpc.encodeFailure(id, error)]
  }

  #fail(status: number, error: JsonRpc.ErrorObject, isFree: boolean): void {
    this.#close((id) => [status, JsonRpc.encodeFailure(id, error)], isFree)
  }

  #close(answer: (id: JsonRpc.RequestId) => [status: number, text: string], isFree: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#questions.clear()
    const tell = (): void => {
      this.#reply?.finish(...this.#written(answer))
      this.#detach()
      this.#host.done(isFree)
    }
    // There is no client to be told: it comes back for the answer, or never.
    if (this.#reply === undefined && !this.requestServer.hasEnded) this.#outcome = tell
    else tell()
  }

  #detach(): void {
    this.#reply = undefined
    this.#release()
  }
}

/** What a request is about. */
export const nameIn = ({ method, params }: StatelessRequest): unknown => params[ToolHeaders.namedBy.get(method) ?? ""]

/** The name a question was given, and the question without it. */
const keyIn = (params: unknown): { readonly key?: string; readonly params: unknown } => {
  const meta = isObject(params) ? params["_meta"] : undefined
  if (!isObject(params) || !isObject(meta)) return { params }
  const { [questionKey]: key, ...others } = meta
  if (typeof key !== "string") return { params }
  const { _meta: _, ...question } = params
  return { key, params: Object.keys(others).length > 0 ? { ...question, _meta: others } : question }
}

/** A client that names no level wants to hear nothing. */
const isLoud = (params: unknown, least: string | undefined): boolean =>
  least !== undefined && isObject(params) && logLevels.indexOf(params["level"]) >= logLevels.indexOf(least)
