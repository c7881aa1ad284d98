/* SPDX-License-Identifier: MIT
 *
 * gbench.h on Google Benchmark (written against 1.7.1). Two things are bent to our needs, both from outside:
 *  - Names. The library puts /manual_time and /iterations:N into them; a reporter that stands before its own
 *    ones takes that out again, and since its filter would see the long name, the filter is applied here.
 *  - CPU time. The library sees only the thread that called it, which sleeps while ours work; the same reporter
 *    puts in what the body told.
 */
#include "gbench.h"

#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

namespace {

const char cpu_counter[] = "cpu_ns";

struct Registered {
    std::string name;
    unsigned threads;
    uint64_t operations;
    gbench_body *body;
    void *context;
};

std::vector<std::unique_ptr<Registered>> registered;
bool only_list = false;
bool to_file = false;
std::string file_format = "json";
const char *extra_help = "";

unsigned ThreadsOf(const std::string &name) {
    for (const auto &r : registered)
        if (r->name == name)
            return r->threads;
    return 1;
}

/* Stands before a reporter of the library and tidies what it is shown. */
class Tidy : public benchmark::BenchmarkReporter {
  public:
    explicit Tidy(benchmark::BenchmarkReporter *inner) : inner_(inner) {
    }
    unsigned failed() const {
        return failed_;
    }
    bool ReportContext(const Context &context) override {
        inner_->SetOutputStream(&GetOutputStream());
        inner_->SetErrorStream(&GetErrorStream());
        return inner_->ReportContext(context);
    }
    void ReportRuns(const std::vector<Run> &runs) override {
        std::vector<Run> tidy(runs);
        for (Run &run : tidy) {
            run.run_name.time_type.clear();
            run.run_name.iterations.clear();
            run.threads = static_cast<int64_t>(ThreadsOf(run.run_name.function_name));
            if (run.error_occurred)
                failed_++;
            const auto cpu = run.counters.find(cpu_counter);
            if (cpu == run.counters.end())
                continue;
            run.cpu_accumulated_time = cpu->second.value * 1e-9 * static_cast<double>(run.iterations);
            run.counters.erase(cpu);
        }
        inner_->ReportRuns(tidy);
    }
    void Finalize() override {
        inner_->Finalize();
    }

  private:
    benchmark::BenchmarkReporter *inner_;
    unsigned failed_ = 0;
};

bool Wanted(const std::string &name) {
    static std::string spec;
    static std::regex pattern;
    static bool negative = false, compiled = false;
    if (!compiled) {
        spec = benchmark::GetBenchmarkFilter();
        if (spec.empty() || spec == "all")
            spec = ".";
        negative = spec[0] == '-';
        try {
            pattern = std::regex(negative ? spec.substr(1) : spec, std::regex::extended);
        } catch (const std::regex_error &) {
            std::fprintf(stderr, "bench: --benchmark_filter=%s is not a regular expression\n", spec.c_str());
            std::exit(2);
        }
        compiled = true;
    }
    return std::regex_search(name, pattern) != negative;
}

bool HasFlag(const char *argument, const char *flag, const char **value) {
    const size_t length = std::strlen(flag);
    if (std::strncmp(argument, flag, length) != 0)
        return false;
    if (argument[length] != '=' && argument[length] != '\0')
        return false;
    *value = argument[length] == '=' ? argument + length + 1 : "";
    return true;
}

std::unique_ptr<benchmark::BenchmarkReporter> FileReporter() {
    if (file_format == "console")
        return std::unique_ptr<benchmark::BenchmarkReporter>(
            new benchmark::ConsoleReporter(benchmark::ConsoleReporter::OO_None));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    if (file_format == "csv")
        return std::unique_ptr<benchmark::BenchmarkReporter>(new benchmark::CSVReporter);
#pragma GCC diagnostic pop
    return std::unique_ptr<benchmark::BenchmarkReporter>(new benchmark::JSONReporter);
}

} // namespace

struct gbench_run {
    benchmark::State &state;
    uint64_t operations;
    double seconds;
    std::string error;
};

static void Run(benchmark::State &state, const Registered &r) {
    gbench_run run{state, 0, 0, ""};
    r.body(&run, r.context);
    if (run.operations == 0) {
        state.SkipWithError(run.error.c_str());
        return;
    }
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(run.operations))) {
    }
    state.SetIterationTime(run.seconds);
}

uint64_t gbench_operations(const struct gbench_run *run) {
    return static_cast<uint64_t>(run->state.max_iterations);
}

void gbench_done(struct gbench_run *run, uint64_t operations, double seconds, double cpu_seconds) {
    run->operations = operations;
    run->seconds = seconds;
    gbench_counter(run, cpu_counter, cpu_seconds * 1e9 / static_cast<double>(operations));
}

void gbench_fail(struct gbench_run *run, const char *message) {
    run->error = message;
}

void gbench_counter(struct gbench_run *run, const char *name, double value) {
    if (!std::isnan(value))
        run->state.counters[name] = value;
}

static void Help() {
    std::fputs(extra_help, stdout);
    benchmark::PrintDefaultHelp();
}

void gbench_initialise(int *argc, char **argv, const char *help) {
    extra_help = help;
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const char *value;
        if (HasFlag(argv[i], "--benchmark_list_tests", &value)) {
            only_list = std::strcmp(value, "false") != 0 && std::strcmp(value, "0") != 0;
            continue;
        }
        if (HasFlag(argv[i], "--benchmark_out", &value))
            to_file = *value != '\0';
        if (HasFlag(argv[i], "--benchmark_out_format", &value))
            file_format = value;
        argv[kept++] = argv[i];
    }
    argv[kept] = nullptr;
    *argc = kept;
    benchmark::Initialize(argc, argv, Help);
}

void gbench_register(const char *name, unsigned threads, uint64_t operations, gbench_body *body,
                     void *context) {
    std::unique_ptr<Registered> r(new Registered{std::string(name) + "/threads:" + std::to_string(threads),
                                                 threads, operations, body, context});
    if (!Wanted(r->name))
        return;
    const Registered &kept = *r;
    registered.push_back(std::move(r));
    if (only_list)
        return;
    auto *const b = benchmark::RegisterBenchmark(kept.name.c_str(),
                                                 [&kept](benchmark::State &state) { Run(state, kept); });
    b->UseManualTime();
    if (operations != 0)
        b->Iterations(static_cast<benchmark::IterationCount>(operations));
}

unsigned gbench_run_all(unsigned *failed) {
    *failed = 0;
    if (only_list)
        for (const auto &r : registered)
            std::puts(r->name.c_str());
    if (only_list || registered.empty())
        return static_cast<unsigned>(registered.size());
    benchmark::SetBenchmarkFilter("all");
    Tidy display(benchmark::CreateDefaultDisplayReporter());
    const auto inner = FileReporter();
    Tidy file(inner.get());
    benchmark::RunSpecifiedBenchmarks(&display, to_file ? &file : nullptr);
    *failed = display.failed();
    return static_cast<unsigned>(registered.size());
}
