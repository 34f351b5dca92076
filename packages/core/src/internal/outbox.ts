/**
 * What a move has to tell others, kept until the move is complete.
 *
 * Publishing an event and starting a dial run strangers' code at once. That code may throw, and it may use the pool again. Here it
 * runs between moves and never in the middle of one, each piece behind a boundary of its own: what it throws is told in the log and
 * harms neither the machine nor the next piece. Pieces run in the order they were put; what is put meanwhile is appended, so the
 * stack does not grow.
 *
 * Callers are answered in a task of the scheduler's dispatcher, as Effect's `Pool` resumes its waiters: in order, in no other
 * caller's turn, and so that callers that ask again at once leave the event loop room for others.
 */
import type * as Scheduler from "effect/Scheduler"
import type { Defects } from "./defects.ts"

interface Piece {
  readonly of: string
  readonly what: string
  readonly run: () => void
}

export class Outbox {
  private pieces: Array<Piece> = []
  private answers: Array<Piece> = []
  private isSending = false
  private readonly defects: Defects
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly answerAll = (): void => {
    const { answers } = this
    this.answers = []
    for (const answer of answers) this.run(answer)
  }

  constructor(defects: Defects, dispatcher: Scheduler.SchedulerDispatcher) {
    this.defects = defects
    this.dispatcher = dispatcher
  }

  /** `of` names the key, `what` says what broke if it throws. */
  put(of: string, what: string, run: () => void): void {
    this.pieces.push({ of, what, run })
  }

  /** For waiting callers. The first answer asks for the task that gives all of them. */
  answer(of: string, what: string, run: () => void): void {
    if (this.answers.push({ of, what, run }) === 1) this.dispatcher.scheduleTask(this.answerAll, 0)
  }

  /** To be called at the end of every move. A piece that uses the pool comes back here, and its pieces go to the end. */
  send(): void {
    if (this.isSending || this.pieces.length === 0) return
    this.isSending = true
    const { pieces } = this
    for (const piece of pieces) this.run(piece)
    this.pieces = []
    this.isSending = false
  }

  private run({ of, run, what }: Piece): void {
    try {
      run()
    } catch (defect) {
      this.defects.tell(`${of}: ${what}`, defect)
    }
  }
}
