/**
 * Text of a server without control characters, line feeds and tabs excepted: written to a terminal, those could move the
 * cursor, change its title or answer on the user's behalf.
 */
export const printable = (text: string): string =>
  text.replaceAll("\r\n", "\n").replaceAll(/\p{Cc}/gu, (control) => control === "\n" || control === "\t" ? control : "")
