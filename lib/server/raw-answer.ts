// Answers written straight to a connection: where the HTTP server has let go of it (a change of protocol), or never understood it.
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { Refusal } from "./refusal.ts";

/** How long a client may take to read why it was refused, and to stop sending. */
export const REFUSAL_TIMEOUT_MS = 5_000;
/** How long a connection stays open behind its last answer. Closed at once with bytes unread, it is reset, and the client may lose the answer. */
const CLOSE_DELAY_MS = 500;

/** The head of an HTTP/1.1 answer. `headers`: names and values in turn. */
export function responseHead(status: number, headers: readonly string[]): Buffer {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return Buffer.from(`${head}\r\n`, "latin1");
}

/** Writes a refusal as the last thing on a connection. */
export function refuseSocket(socket: Duplex, refusal: Refusal): void {
  const { status, headers, body } = refusal.answer();
  socket.on("error", () => {});
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(Buffer.concat([responseHead(status, [...headers, "Connection", "close"]), body]));
  closeAfterAnswer(socket, REFUSAL_TIMEOUT_MS);
}

/** Drops whatever still arrives, so that the client's end is noticed. Closes soon after the answer is written, or when the time is over. */
export function closeAfterAnswer(socket: Duplex, timeoutMs: number): void {
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), timeoutMs).unref();
  socket.once("finish", () => {
    clearTimeout(timer);
    setTimeout(() => socket.destroy(), CLOSE_DELAY_MS).unref();
  });
}

/**
 * What an error of node's HTTP parser means for the client. `code`: the error's; undefined is returned where there is nobody to answer, as
 * before the end of the TLS handshake. What the parser objected to is not repeated: it may be a token.
 */
export function parserRefusal(code: string | undefined, maxHeaderBytes: number): Refusal | undefined {
  if (code === "HPE_HEADER_OVERFLOW") return new Refusal("HeadersTooLarge", `the headers take more than ${maxHeaderBytes / 1024} KiB`);
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new Refusal("RequestTooSlow", "the request took too long to arrive");
  if (!/^(HPE_|ERR_HTTP_)/.test(code ?? "")) return undefined;
  return new Refusal("MalformedRequest", "this is not a well-formed HTTP request");
}
