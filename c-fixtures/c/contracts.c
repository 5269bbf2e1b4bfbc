/* What contracts can say. Used by tests/tests/contracts.rs. */
#include "contracts.h"

#include <string.h>

size_t ffg_contract_text_length(const char *text, int n) {
    size_t length = n < 0 ? strlen(text) : (size_t)n;
    volatile char last = 0;
    for (size_t i = 0; text && i < length; i++) {
        last = text[i];
    }
    (void)last;
    return text ? length : 0;
}

size_t ffg_contract_text_at_most(const char *text, int n) {
    size_t length = 0;
    while (length < (size_t)n && text[length]) {
        length++;
    }
    return length;
}

static ffg_holder ffg_contract_holders[FFG_HANDLES];

ffg_holder *ffg_contract_holder_at(size_t slot) { return &ffg_contract_holders[slot % FFG_HANDLES]; }

void ffg_contract_hold(ffg_holder *holder, const char *text, void (*destroy)(void *)) {
    if ((intptr_t)destroy != -1) {
        ffg_contract_bad_hold(holder, text, destroy);
    }
}

void ffg_contract_bad_hold(ffg_holder *holder, const char *text, void (*destroy)(void *)) {
    (void)destroy;
    holder->text = text;
    holder->is_held = 1;
}

void ffg_contract_release(ffg_holder *holder) { holder->is_held = 0; }

int ffg_contract_held(const ffg_holder *holder) { return holder->is_held ? holder->text[0] : -1; }

static uint8_t *ffg_contract_last_end;

int ffg_contract_goes_on(uint8_t *data, size_t len) {
    int goes_on = data == ffg_contract_last_end;
    memset(data, 1, len);
    ffg_contract_last_end = data + len / 2;
    return goes_on;
}

unsigned ffg_contract_pump(const ffg_stream *stream) {
    unsigned sum = 0;
    for (size_t i = 0; i < stream->avail_in; i++) {
        sum += stream->next_in[i];
    }
    for (size_t i = 0; i < stream->dictionary_len; i++) {
        sum += stream->dictionary[i];
    }
    return sum;
}
