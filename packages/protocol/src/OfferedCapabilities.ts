/**
 * What a client offers to a server that does not understand all of it.
 *
 * The protocol lets both sides ignore what they do not know. Some servers refuse the whole handshake instead: those of the Java SDK before 0.17.1 know no
 * members of `elicitation`, and those before 0.11 not even that.
 *
 * @see https://github.com/modelcontextprotocol/java-sdk/issues/724
 */

/** So refused, by the words of the refusal: what to offer next. Undefined: it is about something else, or nothing is left to leave out. */
export const fewer = (offered: object, refusal: string): object | undefined => {
  if (!aboutCapabilities.test(refusal) || Object.keys(offered).length === 0) return undefined
  const elicitation = "elicitation" in offered ? offered.elicitation : undefined
  return typeof elicitation === "object" && elicitation !== null && Object.keys(elicitation).length > 0
    ? { ...offered, elicitation: {} }
    : {}
}

const aboutCapabilities = /capabilit|elicitation|unrecogni[sz]ed (?:field|key|propert)|additional propert/i
