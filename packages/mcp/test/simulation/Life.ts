/** What happens beside the calls. Zero and nothing in worlds that have none of it. */
export interface Life {
  /** Probability that a call has its client asked something first; what becomes of such questions, and how long the user takes. */
  readonly ask: number
  readonly decline: number
  readonly crash: number
  readonly withdraw: number
  readonly answerMillis: number
  /** So many want to hear of resources, and servers have news about this often on average. */
  readonly watchers: number
  readonly newsMillis: number
  /** Kept connected, some of them until the end. */
  readonly warm: ReadonlyArray<string>
  /** How often another config is taken. */
  readonly reloads: number
  /** Probability that whoever listens to a call's progress throws at it. */
  readonly badListeners: number
  /** Probability that a call goes to an endpoint of its own, which is used once. */
  readonly strangers: number
}
