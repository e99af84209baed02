package meilisearch

import (
	"context"
	"fmt"
	"time"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// The intervals at which a task is polled: short at first, since most take milliseconds, then increasing.
const (
	firstPoll = 4 * time.Millisecond
	maxPoll   = 250 * time.Millisecond
)

// A write is a call that the server answers with the task that will process it.
type write func(ctx context.Context) (*meili.TaskInfo, error)

// enqueue submits a write and returns the task that will process it.
func (s *server) enqueue(ctx context.Context, tries int, what string, call write) (int64, error) {
	var task int64
	err := s.do(ctx, tries, what, func(ctx context.Context) error {
		info, err := call(ctx)
		if err == nil {
			task = info.TaskUID
		}
		return err
	})
	return task, err
}

// carryOut submits a write and waits for its task.
func (s *server) carryOut(ctx context.Context, what string, call write) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	task, err := s.enqueue(ctx, writeTries, what, call)
	if err != nil {
		return err
	}
	return s.wait(ctx, what, task)
}

// bounded adds a deadline to a context without one, since a task may wait indefinitely.
func (s *server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.taskTimeout)
}

// wait waits for the tasks and returns the error of the first that failed.
func (s *server) wait(ctx context.Context, what string, tasks ...int64) error {
	var first error
	for _, task := range tasks {
		if err := s.waitFor(ctx, what, task); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *server) waitFor(ctx context.Context, what string, uid int64) error {
	for pause := firstPoll; ; pause = min(pause*3/2, maxPoll) {
		var task *meili.Task
		err := s.do(ctx, writeTries, what, func(ctx context.Context) (err error) {
			task, err = s.GetTaskWithContext(ctx, uid)
			return err
		})
		if err != nil {
			return err
		}
		switch task.Status {
		case meili.TaskStatusSucceeded:
			return nil
		case meili.TaskStatusFailed:
			return s.failed(what, task)
		case meili.TaskStatusCanceled:
			return fmt.Errorf("%s: %w: its task was canceled", what, search.ErrUnavailable)
		}
		select {
		case <-ctx.Done():
			return ended(what, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// failed returns the error of a failed task. Its message is about documents, which hold no customer data, and tells
// operators what to correct.
func (s *server) failed(what string, task *meili.Task) error {
	err := answered(what, 0, task.Error.Code)
	message := task.Error.Message[:min(len(task.Error.Message), 300)]
	s.log.Warn("a task of Meilisearch failed",
		"index", task.IndexUID, "task", task.UID, "type", task.Type, "code", task.Error.Code, "message", message)
	if rejected, ok := err.(*search.RejectedError); ok {
		rejected.Reason = fmt.Sprintf("%s: %s", task.Error.Code, message)
	}
	return err
}

// nobody is an id that no document has.
const nobody = "nobody"

// settle waits until all tasks that were accepted for the index so far are done, swaps among them: tasks of an index run
// in the order in which they were accepted, and so does another that changes nothing. It ignores how the others end; that
// concerns whoever submitted them.
func (x *index) settle(ctx context.Context) error {
	err := x.deleteDocuments(ctx, []string{nobody})
	if saidCode(err, "index_not_found") {
		return nil
	}
	return err
}
