#include "otlp/destinations.h"

#include <string.h>

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/transport.h"

/* ---- what a pipeline may say ---- */

/* The options that are of the whole: whoever sets one for a pipeline expects what will not be. */
static const char *foreign_option(const weir_otlp_options *options) {
    static const struct {
        char name[24]; /* no pointer: that would be a relocation each */
        uint16_t offset, n_bytes;
    } fields[] = {
#define OF_THE_WHOLE(field)                                                                        \
    {#field, offsetof(weir_otlp_options, field), sizeof((weir_otlp_options *)0)->field}
        OF_THE_WHOLE(service_name),
        OF_THE_WHOLE(resource),
        OF_THE_WHOLE(n_resource),
        OF_THE_WHOLE(resource_schema_url),
        OF_THE_WHOLE(schedule_delay_ms),
        OF_THE_WHOLE(has_schedule_delay_ms),
        OF_THE_WHOLE(max_export_spans),
        OF_THE_WHOLE(max_queue_bytes),
        OF_THE_WHOLE(max_span_bytes),
        OF_THE_WHOLE(max_queue_spans),
        OF_THE_WHOLE(limits),
        OF_THE_WHOLE(clock),
        OF_THE_WHOLE(log),
        OF_THE_WHOLE(log_data),
        OF_THE_WHOLE(log_level),
        OF_THE_WHOLE(has_disabled),
        OF_THE_WHOLE(disabled),
        OF_THE_WHOLE(has_export_timeout_ms),
        OF_THE_WHOLE(export_timeout_ms),
        OF_THE_WHOLE(pipelines),
        OF_THE_WHOLE(detectors),
        OF_THE_WHOLE(propagators),
        OF_THE_WHOLE(spool_dir),
        OF_THE_WHOLE(spool_max_bytes),
        OF_THE_WHOLE(spool_max_age_s),
        OF_THE_WHOLE(n_pipelines),
        OF_THE_WHOLE(no_thread),
        OF_THE_WHOLE(sampler),
        OF_THE_WHOLE(id_generator),
        OF_THE_WHOLE(processors),
        OF_THE_WHOLE(n_processors),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const unsigned char *bytes = (const unsigned char *)options + fields[i].offset;
        for (size_t j = 0; j < fields[i].n_bytes; j++) {
            if (bytes[j] != 0) {
                return fields[i].name;
            }
        }
    }
    return NULL;
}

static int read_pipeline(const weir_otlp_options *given, size_t index, weir_otlp_options *out,
                         weir_error_detail *detail) {
    if (given == NULL || !options_read(out, sizeof *out, given)) {
        return error_set(detail, WEIR_E_INVALID, "pipelines[%zu]: use &WEIR_OTLP_OPTIONS()", index);
    }
    const char *foreign = foreign_option(out);
    if (foreign != NULL) {
        return error_set(detail, WEIR_E_INVALID,
                         "pipelines[%zu].%s: set it in the options themselves, it is of all "
                         "pipelines",
                         index, foreign);
    }
    return 0;
}

/* ---- opening ---- */

/* In the host's own loop nothing may wait for a peer. */
static int check_steps(const weir_transport *transport, weir_error_detail *detail) {
    bool has_steps =
        transport->start != NULL && transport->advance != NULL && transport->poll_fd != NULL;
    bool may_wait = !transport->is_disk && transport->cancel != NULL;
    if (!has_steps && may_wait) {
        return error_set(detail, WEIR_E_INVALID,
                         "no_thread: the transport must set start, advance and poll_fd, or no "
                         "cancel if its post never waits");
    }
    return 0;
}

static int add(struct destinations *destinations, const struct transport_choice *choice,
               uint64_t timeout_ns, weir_error_detail *detail) {
    if (destinations->n == OTLP_MAX_PIPELINES) {
        return error_set(detail, WEIR_E_INVALID, "there are more than %d pipelines",
                         OTLP_MAX_PIPELINES);
    }
    struct exporter_destination destination = {.timeout_ns = timeout_ns};
    int error = transport_open(choice, &destination.transport, detail);
    if (error == 0) {
        component_describe(choice, &destinations->components[destinations->n]);
        destinations->of[destinations->n++] = destination;
    }
    return error;
}

/* All that these options name. */
static int add_chosen(struct destinations *destinations, const weir_otlp_options *options,
                      const struct config_reader *reader, uint64_t timeout_ns,
                      weir_error_detail *detail) {
    struct transport_choices choices CLEANUP(transport_choices_deinit) = {.n = 0};
    int error = transport_choose(options, reader, &choices, detail);
    for (size_t i = 0; error == 0 && i < choices.n; i++) {
        error = add(destinations, &choices.of[i], timeout_ns, detail);
    }
    return error;
}

/* The environment speaks of the first pipeline: its credentials are for nobody else. */
static int add_pipelines(struct destinations *destinations, const weir_otlp_options *options,
                         const struct otlp_config *config, const struct config_reader *reader,
                         weir_error_detail *detail) {
    const struct config_reader code_only = {.logger = reader->logger, .is_code_only = true};
    int error = 0;
    for (size_t i = 0; error == 0 && i < options->n_pipelines; i++) {
        weir_otlp_options pipeline;
        error = read_pipeline(options->pipelines[i], i, &pipeline, detail);
        if (error == 0) {
            uint64_t timeout_ns =
                config_timeout_ns(&pipeline, &code_only, config->export_timeout_ns);
            error = add_chosen(destinations, &pipeline, &code_only, timeout_ns, detail);
        }
    }
    if (options->n_pipelines > 0) {
        config_note(reader, "pipelines", config_by_option("pipelines"), "%zu more",
                    options->n_pipelines);
    }
    return error;
}

int destinations_open(const weir_otlp_options *options, const struct otlp_config *config,
                      const struct config_reader *reader, struct destinations *out,
                      weir_error_detail *detail) {
    struct destinations destinations CLEANUP(destinations_deinit) = {.n = 0};
    if (options->n_pipelines > 0 && options->pipelines == NULL) {
        return error_set(detail, WEIR_E_INVALID, "n_pipelines is %zu, but pipelines is NULL",
                         options->n_pipelines);
    }
    int error = add_chosen(&destinations, options, reader, config->timeout_ns, detail);
    error = error ? error : add_pipelines(&destinations, options, config, reader, detail);
    for (size_t i = 0; error == 0 && options->no_thread && i < destinations.n; i++) {
        error = check_steps(&destinations.of[i].transport, detail);
    }
    if (error == 0) {
        *out = destinations;
        destinations.n = 0;
    }
    return error;
}

void destinations_deinit(struct destinations *destinations) {
    for (size_t i = 0; i < destinations->n; i++) {
        const weir_transport *transport = &destinations->of[i].transport;
        if (transport->destroy != NULL) {
            transport->destroy(transport->data);
        }
    }
    destinations->n = 0;
}
