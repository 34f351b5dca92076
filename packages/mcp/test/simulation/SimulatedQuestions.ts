/**
 * What a simulated server asks its client before it does its work, in the way of either era, and its books about the answers.
 */
import type { MemoryPeer } from "@holdfast/mcp/testing"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { SeededRandom } from "@holdfast/testkit"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Life } from "./Life.ts"

/** Asked of the client, of a call or of none. `id` is unique in the world. */
export interface Question {
  readonly id: string
  readonly token: string
}

export interface QuestionBooks {
  /** `isResult`: by an answer, not by a request. `peer`: over which connection. */
  readonly questioned: (server: string, question: Question, isResult: boolean, peer: MemoryPeer) => void
  /** It no longer wants the answer. */
  readonly withdrew: (question: Question) => void
  /** `content` is what came back, or undefined with an error. */
  readonly replied: (question: Question, content: unknown, code: number | undefined) => void
  /** An answer came to a question that was never asked, or answered before. */
  readonly puzzled: (server: string, id: unknown) => void
}

export interface Questions {
  /** The old way: waits for the answer, whatever it is, or until it is no longer wanted. */
  readonly ask: (token: string) => Effect.Effect<void>
  readonly onAnswer: (frame: JsonRpc.Success | JsonRpc.Failure) => void
  /** The new way: what a result that asks consists of. */
  readonly inResult: (token: string) => object
  /** The answers that came with a request, if it has any. False: it says nothing of any question. */
  readonly onResponses: (params: object) => boolean
  /** What waits for an answer. */
  readonly open: () => ReadonlyArray<Question>
}

const method = "elicitation/create"

export const make = (
  server: string,
  connection: string,
  life: Life,
  random: SeededRandom.SeededRandom,
  books: QuestionBooks,
  peer: MemoryPeer
): Questions => {
  const open = new Map<JsonRpc.RequestId, { readonly question: Question; readonly settle: () => void }>()
  const withdrawn = new Set<JsonRpc.RequestId>()
  const inResults = new Map<string, Question>()
  let count = 0
  const next = (token: string, isResult: boolean): Question => {
    const question = { id: `${connection}/${++count}`, token }
    books.questioned(server, question, isResult, peer)
    return question
  }

  const withdraw = (question: Question): void => {
    const asked = open.get(question.id)
    if (asked === undefined) return
    open.delete(question.id)
    withdrawn.add(question.id)
    books.withdrew(question)
    peer.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: question.id } })
    asked.settle()
  }

  return {
    ask: Effect.fnUntraced(function*(token) {
      const question = next(token, false)
      const settled = yield* Deferred.make<void>()
      open.set(question.id, { question, settle: () => Deferred.doneUnsafe(settled, Effect.void) })
      peer.send({ jsonrpc: "2.0", id: question.id, method, params: question })
      if (!random.chance(life.withdraw)) return yield* Deferred.await(settled)
      yield* Effect.timeoutOption(Deferred.await(settled), random.int(0, life.answerMillis))
      withdraw(question)
    }),
    onAnswer: (frame) => {
      const { id } = frame
      const asked = id === null ? undefined : open.get(id)
      if (asked === undefined) {
        // Once, the answer and the word that it is not wanted may have crossed.
        if (id === null || !withdrawn.delete(id)) books.puzzled(server, id)
        return
      }
      open.delete(asked.question.id)
      if (frame._tag === "Success") books.replied(asked.question, contentIn(frame.result), undefined)
      else books.replied(asked.question, undefined, frame.error.code)
      asked.settle()
    },
    inResult: (token) => {
      const question = next(token, true)
      inResults.set(question.id, question)
      return {
        resultType: "input_required",
        inputRequests: { it: { method, params: question } },
        requestState: question.id
      }
    },
    onResponses: (params) => {
      if (!("requestState" in params)) return false
      const question = inResults.get(String(params.requestState))
      if (question === undefined || !inResults.delete(question.id)) {
        books.puzzled(server, params.requestState)
        return true
      }
      books.replied(
        question,
        "inputResponses" in params ? contentIn(itIn(params.inputResponses)) : undefined,
        undefined
      )
      return true
    },
    open: () => [...open.values()].map(({ question }) => question)
  }
}

const itIn = (responses: unknown): unknown =>
  typeof responses === "object" && responses !== null && "it" in responses ? responses.it : undefined

const contentIn = (result: unknown): unknown =>
  typeof result === "object" && result !== null && "content" in result ? result.content : undefined
