package meilisearch

import (
	"context"
	"errors"
	"fmt"
	"time"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// How often a task is looked at: at once, since most take milliseconds, and then ever less.
const (
	firstLook = 4 * time.Millisecond
	maxLook   = 250 * time.Millisecond
)

// enqueue has the server accept a write, and returns the task that will carry it out.
func (s *server) enqueue(ctx context.Context, what string, call func(ctx context.Context) (*meili.TaskInfo, error)) (int64, error) {
	var task int64
	err := s.do(ctx, writeTries, what, func(ctx context.Context) error {
		info, err := call(ctx)
		if err == nil {
			task = info.TaskUID
		}
		return err
	})
	return task, err
}

// carryOut has the server accept a write and waits until it is done.
func (s *server) carryOut(ctx context.Context, what string, call func(ctx context.Context) (*meili.TaskInfo, error)) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	task, err := s.enqueue(ctx, what, call)
	if err != nil {
		return err
	}
	return s.wait(ctx, what, task)
}

// bounded gives a caller without a deadline one: tasks may never come to their turn.
func (s *server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.taskTimeout)
}

// wait returns when the tasks are done, with the fault of the first that failed.
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
	for pause := firstLook; ; pause = min(pause*3/2, maxLook) {
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

// failed is the error of a task that failed. The message is about documents, in which nothing is of a customer: it is
// what tells an operator what to mend.
func (s *server) failed(what string, task *meili.Task) error {
	err := answered(what, 0, task.Error.Code)
	message := task.Error.Message[:min(len(task.Error.Message), 300)]
	s.log.Warn("a task of Meilisearch failed", "index", task.IndexUID, "task", task.UID, "type", task.Type, "code", task.Error.Code, "message", message)
	if rejected, ok := err.(*search.RejectedError); ok {
		rejected.Reason = fmt.Sprintf("%s: %s", task.Error.Code, message)
	}
	return err
}

// settle waits until nothing is left to do for indexes, and no swap of any.
func (s *server) settle(ctx context.Context, uids ...string) error {
	open := []meili.TaskStatus{meili.TaskStatusEnqueued, meili.TaskStatusProcessing}
	return errors.Join(
		s.finish(ctx, &meili.TasksQuery{IndexUIDS: uids, Statuses: open, Limit: 100}),
		s.finish(ctx, &meili.TasksQuery{Types: []meili.TaskType{meili.TaskTypeIndexSwap}, Statuses: open, Limit: 100}),
	)
}

// finish waits until a query finds no task any more. How they end is the business of those who asked for them.
func (s *server) finish(ctx context.Context, query *meili.TasksQuery) error {
	for {
		var open *meili.TaskResult
		err := s.do(ctx, writeTries, "list the open tasks", func(ctx context.Context) (err error) {
			open, err = s.GetTasksWithContext(ctx, query)
			return err
		})
		if err != nil || len(open.Results) == 0 {
			return err
		}
		for _, task := range open.Results {
			if err := s.waitFor(ctx, "wait for the open tasks", task.UID); err != nil && ctx.Err() != nil {
				return err
			}
		}
	}
}
