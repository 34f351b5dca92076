/**
 * What undici tells of one request, behind a boundary: whatever throws while it is told ends this request as if its connection had
 * broken, and is told in the log. Thrown into undici, it would end the program, or be taken for an answer that never comes.
 */
import type { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"

export abstract class HttpEvents implements Dispatcher.DispatchHandler {
  protected abstract started(controller: Dispatcher.DispatchController): void
  /** A status of the server's, provisional ones included. */
  protected abstract responded(status: number, headers: IncomingHttpHeaders): void
  protected abstract chunk(chunk: Buffer): void
  protected abstract ended(): void
  protected abstract broke(error: Error): void
  /** Something threw while one of these ran. Must not throw. */
  protected abstract faulty(error: unknown): void

  onRequestStart(controller: Dispatcher.DispatchController): void {
    try {
      this.started(controller)
    } catch (error) {
      this.faulty(error)
    }
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    try {
      this.responded(status, headers)
    } catch (error) {
      this.faulty(error)
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    try {
      this.chunk(chunk)
    } catch (error) {
      this.faulty(error)
    }
  }

  onResponseEnd(): void {
    try {
      this.ended()
    } catch (error) {
      this.faulty(error)
    }
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    try {
      this.broke(error)
    } catch (fault) {
      this.faulty(fault)
    }
  }
}
