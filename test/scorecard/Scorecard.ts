/** What one kind of scorecard brings. */
export interface Scorecard {
  /** In Markdown. */
  readonly text: string
  /** Every case of ours is right. */
  readonly isOursRight: boolean
}

/** Chooses the cases that have one of these words in their names; without words all of them. */
export type Chooser = (name: string) => boolean
