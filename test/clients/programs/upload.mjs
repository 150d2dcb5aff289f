// A body of unknown length, 4 MiB in pieces, as fetch sends a stream.
const piece = new Uint8Array(64 * 1024).fill(120);
let left = 64;
const body = new ReadableStream({
  pull: (controller) => {
    controller.enqueue(piece);
    left -= 1;
    if (left === 0) controller.close();
  },
});
const answer = await fetch(`${process.env.GRANTED_URL}/upload`, { method: 'POST', body, duplex: 'half' });
process.stdout.write(await answer.text());
