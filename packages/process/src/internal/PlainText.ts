/**
 * Text of a stranger, made fit for a log line or a terminal.
 *
 * Promises: no escape sequence and no control character but the line feed and the tab is left, so that a server's stderr
 * cannot move the cursor, retitle the window or forge a line.
 */
import { stripVTControlCharacters } from "node:util"

export const make = (text: string): string => stripVTControlCharacters(text).replace(controls, "")

const controls = /(?![\n\t])\p{Cc}/gu
