/*
 * WebSocket frame headers of the sending side. Only what this server sends:
 * everything it says fits in one frame, so there are no continuations.
 */
#include "wsd/frame.h"

#define FIN 0x80
#define LEN_16 126
#define LEN_64 127

size_t
frame_header(
    uint8_t out[static FRAME_HEADER_MAX], enum frame_opcode opcode, uint64_t n)
{
	out[0] = (uint8_t)(FIN | opcode);
	if (n < LEN_16) {
		out[1] = (uint8_t)n;
		return 2;
	}
	size_t length_bytes = n <= UINT16_MAX ? 2 : 8;
	out[1] = length_bytes == 2 ? LEN_16 : LEN_64;
	for (size_t i = 0; i < length_bytes; i++)
		out[2 + i] = (uint8_t)(n >> (8 * (length_bytes - 1 - i)));
	return 2 + length_bytes;
}

void
frame_measure(
    const uint8_t *bytes, size_t n, size_t *header_bytes, size_t *frame_bytes)
{
	*header_bytes = 0;
	*frame_bytes = 0;
	if (n < 2)
		return;
	size_t length_bytes = 0;
	uint64_t payload = bytes[1];
	if (payload == LEN_16)
		length_bytes = 2;
	else if (payload == LEN_64)
		length_bytes = 8;
	if (n < 2 + length_bytes)
		return;
	if (length_bytes > 0)
		payload = 0;
	for (size_t i = 0; i < length_bytes; i++)
		payload = payload << 8 | bytes[2 + i];
	*header_bytes = 2 + length_bytes;
	*frame_bytes = *header_bytes + (size_t)payload;
}

size_t
frame_run(const uint8_t *bytes, size_t n, size_t max)
{
	size_t run = 0;

	if (n <= max)
		return n;
	while (run < n) {
		size_t header_bytes, frame_bytes;
		frame_measure(
		    bytes + run, n - run, &header_bytes, &frame_bytes);
		if (frame_bytes == 0 || frame_bytes > n - run)
			break;
		if (run > 0 && frame_bytes > max - run)
			break;
		run += frame_bytes;
		if (run >= max)
			break;
	}
	return run;
}

size_t
frame_run_past(const uint8_t *bytes, size_t n, size_t at, size_t *frames)
{
	size_t run = 0;

	*frames = 0;
	while (run < n && run <= at) {
		size_t header_bytes, frame_bytes;
		frame_measure(
		    bytes + run, n - run, &header_bytes, &frame_bytes);
		if (frame_bytes == 0 || frame_bytes > n - run)
			return n;
		run += frame_bytes;
		++*frames;
	}
	return run;
}
