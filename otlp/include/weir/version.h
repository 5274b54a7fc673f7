/*
 * The version of weir, as text. Also what the exporter calls itself by.
 */
#pragma once

#define WEIR_VERSION "0.1.0"
