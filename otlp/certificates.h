/*
 * A first look at the files of certificates and keys (conformance D13, D14), before anybody
 * connects: a file that cannot be read is found at once, not when the first spans are lost.
 */
#pragma once

#include "otlp/delivery.h"

/*
 * 0 when each file that is named can be read and holds PEM. WEIR_E_INVALID: `detail` names the
 * option or variable, the file and the remedy. WEIR_E_NO_MEMORY. What is in the PEM only TLS can
 * tell.
 */
int certificates_check(const struct delivery *delivery, weir_error_detail *detail);
