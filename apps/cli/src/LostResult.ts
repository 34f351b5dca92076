/** What the message of a result begins with that could not be written. */
export const lostResult = "the result cannot be written"

/** The same of a call. */
export const whoseResult = (tool: string): string => `${tool} has run, but its result cannot be written`
