/** What came of a case: its measure in words, and whether that is right. */
export interface Verdict {
  readonly words: string
  readonly isRight: boolean
}

/** How often a call has run, in words. */
export const times = (count: number): string =>
  count === 1 ? "ran once" : count === 0 ? "did not run" : `**ran ${count} times**`

/** A number of things, in words. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`

/** A verdict, or why there is none. */
export type Outcome = (Verdict & { readonly isTried: true }) | {
  readonly words: string
  readonly isTried: false
  readonly isRight: false
}

/** What came of it; what fails or cannot be tried is told with the reason. */
export const outcome = async (judge: () => Promise<Verdict | string>): Promise<Outcome> => {
  const untried = (words: string): Outcome => ({ words, isTried: false, isRight: false })
  try {
    const verdict = await judge()
    return typeof verdict === "string" ? untried(verdict) : { ...verdict, isTried: true }
  } catch (error) {
    return untried(`cannot be tried: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** As it stands in a table. */
export const cell = ({ isRight, isTried, words }: Outcome): string =>
  isTried ? `${isRight ? "✓" : "✗"} ${words}` : `– ${words}`

/** Whether ours is not right, and another one is. */
export const isBeaten = ([ours, ...others]: ReadonlyArray<Outcome>): boolean =>
  ours?.isRight !== true && others.some(({ isRight }) => isRight)
